import { ActionIcon, Tooltip } from "@mantine/core";
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useMe } from "@/contexts/session";
import classes from "./AppLayout.module.css";
import { type Entry, entriesFor, GROUPS } from "./navigation";

interface NavigationProps {
  collapsed: boolean;
  onCollapse: (collapsed: boolean) => void;
}

/** The pages in their groups; can be folded to icons. */
export function Navigation({ collapsed, onCollapse }: NavigationProps) {
  const { t } = useTranslation();
  const entries = entriesFor(useMe().is_superuser);
  const label = t(collapsed ? "shell.menu.expand" : "shell.menu.collapse");
  const Icon = collapsed ? IconLayoutSidebarLeftExpand : IconLayoutSidebarLeftCollapse;
  return (
    <nav className={classes.nav} aria-label={t("shell.menu.navigation")}>
      {GROUPS.map((group) => {
        const inGroup = entries.filter((entry) => entry.group === group);
        if (inGroup.length === 0) return null;
        return (
          <div key={group}>
            <div className={classes.group} id={`group-${group}`}>
              {t(`shell.groups.${group}`)}
            </div>
            <ul className={classes.list} aria-labelledby={`group-${group}`}>
              {inGroup.map((entry) => (
                <NavigationLink key={entry.page} entry={entry} collapsed={collapsed} />
              ))}
            </ul>
          </div>
        );
      })}
      <ActionIcon
        mt="auto"
        aria-label={label}
        title={label}
        onClick={() => onCollapse(!collapsed)}
        size="lg"
      >
        <Icon size={18} />
      </ActionIcon>
    </nav>
  );
}

function NavigationLink({ entry, collapsed }: { entry: Entry; collapsed: boolean }) {
  const { t } = useTranslation();
  const name = t(`shell.pages.${entry.page}`);
  const Icon = entry.icon;
  return (
    <li>
      <Tooltip label={name} position="right" disabled={!collapsed}>
        <Link
          to={entry.to}
          className={classes.link}
          activeOptions={{ exact: entry.to === "/", includeSearch: false }}
          aria-label={collapsed ? name : undefined}
        >
          <Icon size={18} stroke={1.7} aria-hidden />
          <span className={classes.label}>{name}</span>
        </Link>
      </Tooltip>
    </li>
  );
}
