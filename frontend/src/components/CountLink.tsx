import type { LinkProps } from "@tanstack/react-router";
import { formatCount } from "./format";
import { TextLink } from "./links";

interface CountLinkProps {
  count: { count: number; more: boolean };
  to: LinkProps["to"];
  search: LinkProps["search"];
  /** What is counted, for those who hear it. */
  label: string;
}

/** A number that leads to what it counts; nothing is a quiet zero. */
export function CountLink({ count, to, search, label }: CountLinkProps) {
  const text = formatCount(count);
  if (count.count === 0) {
    return (
      <span translate="no" style={{ color: "var(--mantine-color-dimmed)" }}>
        {text}
      </span>
    );
  }
  return (
    <TextLink to={to} search={search as never} aria-label={`${label}: ${text}`} translate="no">
      {text}
    </TextLink>
  );
}
