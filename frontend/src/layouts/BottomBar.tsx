import { Drawer, NavLink, UnstyledButton } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconDots } from "@tabler/icons-react";
import { Link, useRouterState } from "@tanstack/react-router";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useMe } from "@/contexts/session";
import classes from "./AppLayout.module.css";
import { entriesFor, type PageName } from "./navigation";

const FIRST: PageName[] = ["overview", "files", "instruments"];

/** The navigation of a phone: three pages, and all others under More. */
export function BottomBar() {
  const { t } = useTranslation();
  const [opened, more] = useDisclosure(false);
  const entries = entriesFor(useMe().is_superuser);
  const path = useRouterState({ select: (state) => state.location.pathname });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new page closes the drawer
  useEffect(() => more.close(), [path]);
  return (
    <>
      <nav className={classes.bottom} aria-label={t("shell.menu.navigation")}>
        {entries
          .filter((entry) => FIRST.includes(entry.page))
          .map((entry) => (
            <Link
              key={entry.page}
              to={entry.to}
              className={classes.bottomLink}
              activeOptions={{ exact: entry.to === "/", includeSearch: false }}
            >
              <entry.icon size={20} aria-hidden />
              <span>{t(`shell.pages.${entry.page}`)}</span>
            </Link>
          ))}
        <UnstyledButton className={classes.bottomLink} onClick={more.open}>
          <IconDots size={20} aria-hidden />
          <span>{t("shell.menu.more")}</span>
        </UnstyledButton>
      </nav>
      <Drawer
        opened={opened}
        onClose={more.close}
        position="bottom"
        size="auto"
        title={t("shell.menu.more")}
        closeButtonProps={{ "aria-label": t("common.actions.close") }}
      >
        {entries
          .filter((entry) => !FIRST.includes(entry.page))
          .map((entry) => (
            <NavLink
              key={entry.page}
              component={Link}
              to={entry.to}
              label={t(`shell.pages.${entry.page}`)}
              leftSection={<entry.icon size={18} aria-hidden />}
            />
          ))}
      </Drawer>
    </>
  );
}
