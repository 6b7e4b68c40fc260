import { Fragment } from "react";
import type { UsedBy } from "@/api/models";
import { TextLink } from "./links";

/** The instruments that use something. */
export function UsedByLinks({ items }: { items: UsedBy[] }) {
  if (items.length === 0) return null;
  return (
    <span>
      {items.map((one, index) => (
        <Fragment key={one.id}>
          {index > 0 && ", "}
          <TextLink
            to="/instruments/$instrumentId"
            params={{ instrumentId: one.id }}
            translate="no"
          >
            {one.name}
          </TextLink>
        </Fragment>
      ))}
    </span>
  );
}
