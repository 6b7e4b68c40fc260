import { Anchor, Breadcrumbs, Group, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

interface PageProps {
  title: string;
  /** The title is a name from data (an instrument, a file), not a text of the page. */
  isData?: boolean;
  lead?: ReactNode;
  /** Where this page hangs: the way back. */
  parent?: { to: string; label: string; isData?: boolean } | undefined;
  actions?: ReactNode;
  children: ReactNode;
}

/** The frame of every page: its title (also the window's), where it hangs, its actions. */
export function Page({ title, isData = false, lead, parent, actions, children }: PageProps) {
  const { t } = useTranslation();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · ${t("shell.app_name")}`;
  }, [title, t]);
  useEffect(() => {
    // A new page begins at its title, also for those who hear it.
    heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <Stack gap="lg">
      <Stack gap={4}>
        {parent && (
          <Breadcrumbs separatorMargin={6}>
            <Anchor
              component={Link}
              to={parent.to}
              size="sm"
              translate={parent.isData ? "no" : undefined}
            >
              {parent.label}
            </Anchor>
            <span />
          </Breadcrumbs>
        )}
        <Group justify="space-between" align="flex-start" gap="sm">
          <Title
            order={1}
            ref={heading}
            tabIndex={-1}
            style={{ outline: "none", overflowWrap: "anywhere" }}
            translate={isData ? "no" : undefined}
          >
            {title}
          </Title>
          {actions && <Group gap="xs">{actions}</Group>}
        </Group>
        {lead && (
          <Text c="dimmed" size="sm" component="div">
            {lead}
          </Text>
        )}
      </Stack>
      {children}
    </Stack>
  );
}
