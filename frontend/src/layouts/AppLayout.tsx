import { Group, Loader } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { Link, Outlet } from "@tanstack/react-router";
import { Suspense } from "react";
import { useTranslation } from "react-i18next";
import { ClockProvider } from "@/contexts/clock";
import { LiveProvider } from "@/contexts/live";
import { SessionProvider } from "@/contexts/session";
import classes from "./AppLayout.module.css";
import { BottomBar } from "./BottomBar";
import { Brand } from "./Brand";
import { LiveIndicator } from "./LiveIndicator";
import { Navigation } from "./Navigation";
import { PaletteButton } from "./PaletteButton";
import { PersonMenu } from "./PersonMenu";

/** The shell around every page of a person who is signed in. */
export function AppLayout() {
  return (
    <SessionProvider>
      <LiveProvider>
        <ClockProvider>
          <Shell />
        </ClockProvider>
      </LiveProvider>
    </SessionProvider>
  );
}

function Shell() {
  const { t } = useTranslation();
  const [collapsed, setCollapsed] = useLocalStorage({
    key: "streamweave-navigation-collapsed",
    defaultValue: false,
  });
  return (
    <div className={collapsed ? `${classes.shell} ${classes.collapsed}` : classes.shell}>
      <a href="#content" className={classes.skip}>
        {t("shell.menu.skip")}
      </a>
      <header className={classes.bar}>
        <Link to="/" className={classes.brand}>
          <Brand />
        </Link>
        <Group flex={1} justify="center">
          <PaletteButton />
        </Group>
        <LiveIndicator />
        <PersonMenu />
      </header>
      <Navigation collapsed={collapsed} onCollapse={setCollapsed} />
      <main id="content" tabIndex={-1} className={classes.main} style={{ outline: "none" }}>
        <Suspense fallback={<Loader type="dots" aria-label={t("common.loading")} />}>
          <Outlet />
        </Suspense>
      </main>
      <BottomBar />
    </div>
  );
}
