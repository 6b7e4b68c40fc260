import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import type { AuditFilters } from "./api/audit";
import type { FileFilters } from "./api/files";
import type { HookRunFilters } from "./api/hooks";
import type { InstrumentFilters } from "./api/instruments";
import {
  CopyState,
  FileOrder,
  FileStatus,
  HookOutcome,
  InstrumentState,
  RunKind,
  RunOutcome,
  RunState,
} from "./api/models";
import { overviewQuery } from "./api/overview";
import { Problem } from "./api/problem";
import type { RunFilters } from "./api/runs";
import type { ScheduleFilters } from "./api/schedules";
import { meQuery, setupQuery } from "./api/session";
import type { StorageFilters } from "./api/storage";
import type { TransferFilters } from "./api/transfers";
import { AppLayout } from "./layouts/AppLayout";
import { BrokenPage } from "./pages/BrokenPage";
import { NotFoundPage } from "./pages/NotFoundPage";
import {
  compact,
  flag,
  keyValue,
  number,
  oneOf,
  type Raw,
  type Search,
  someOf,
  text,
  texts,
} from "./search";

interface Context {
  client: QueryClient;
}

const root = createRootRouteWithContext<Context>()({
  component: Outlet,
  notFoundComponent: () => (
    <main>
      <NotFoundPage />
    </main>
  ),
  errorComponent: ({ error }) => <BrokenPage error={error} />,
});

const start = createRoute({
  getParentRoute: () => root,
  path: "/start",
  beforeLoad: async ({ context }) => {
    const { needed } = await context.client.fetchQuery(setupQuery());
    if (!needed) throw redirect({ to: "/sign-in" });
  },
  component: lazyRouteComponent(() => import("./pages/StartPage"), "StartPage"),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (raw: Raw): { next?: string } => compact({ next: text(raw, "next") }),
  beforeLoad: async ({ context }) => {
    const { needed } = await context.client.fetchQuery(setupQuery());
    if (needed) throw redirect({ to: "/start" });
  },
  component: lazyRouteComponent(() => import("./pages/SignInPage"), "SignInPage"),
});

/** Everything inside the shell: whoever is not signed in goes to the form and comes back. */
const app = createRoute({
  getParentRoute: () => root,
  id: "app",
  beforeLoad: async ({ context, location }) => {
    try {
      await context.client.ensureQueryData(meQuery());
    } catch (error) {
      if (!(error instanceof Problem && error.code === "not_signed_in")) throw error;
      const next = location.href === "/" ? undefined : location.href;
      throw redirect({ to: "/sign-in", search: compact({ next }) });
    }
  },
  component: AppLayout,
  notFoundComponent: NotFoundPage,
  errorComponent: ({ error }) => <BrokenPage error={error} />,
});

/** What only admins have looks to everyone else as if it did not exist. */
async function adminsOnly({ context }: { context: Context }): Promise<void> {
  const me = await context.client.ensureQueryData(meQuery());
  if (!me.is_superuser) throw notFound();
}

const page = <Path extends string>(path: Path) => ({ getParentRoute: () => app, path }) as const;

const overview = createRoute({
  ...page("/"),
  // Asked while the page's code is on its way; the page itself shows what comes, also an error.
  loader: ({ context }) => void context.client.prefetchQuery(overviewQuery()),
  component: lazyRouteComponent(() => import("./pages/overview/OverviewPage"), "OverviewPage"),
});

const files = createRoute({
  ...page("/files"),
  validateSearch: (raw: Raw): Search<FileFilters> =>
    compact({
      instrument: texts(raw, "instrument"),
      state: someOf(raw, "state", Object.values(FileStatus)),
      type: texts(raw, "type"),
      search: text(raw, "search"),
      q: text(raw, "q"),
      modified_after: text(raw, "modified_after"),
      modified_before: text(raw, "modified_before"),
      first_seen_after: text(raw, "first_seen_after"),
      first_seen_before: text(raw, "first_seen_before"),
      size_min: number(raw, "size_min"),
      size_max: number(raw, "size_max"),
      complete_after: text(raw, "complete_after"),
      complete_before: text(raw, "complete_before"),
      reason: text(raw, "reason"),
      present: flag(raw, "present"),
      tag: text(raw, "tag"),
      meta: keyValue(raw, "meta"),
      sort: oneOf(raw, "sort", Object.values(FileOrder)),
    }),
  component: lazyRouteComponent(() => import("./pages/files/FilesPage"), "FilesPage"),
});

const file = createRoute({
  ...page("/files/$fileId"),
  component: lazyRouteComponent(() => import("./pages/files/FilePage"), "FilePage"),
});

const runs = createRoute({
  ...page("/runs"),
  validateSearch: (raw: Raw): Search<RunFilters> =>
    compact({
      instrument: text(raw, "instrument"),
      state: oneOf(raw, "state", Object.values(RunState)),
      kind: oneOf(raw, "kind", Object.values(RunKind)),
      outcome: oneOf(raw, "outcome", Object.values(RunOutcome)),
      ended_after: text(raw, "ended_after"),
    }),
  component: lazyRouteComponent(() => import("./pages/runs/RunsPage"), "RunsPage"),
});

const run = createRoute({
  ...page("/runs/$runId"),
  component: lazyRouteComponent(() => import("./pages/runs/RunPage"), "RunPage"),
});

const transfers = createRoute({
  ...page("/transfers"),
  validateSearch: (raw: Raw): Search<TransferFilters> =>
    compact({
      instrument: texts(raw, "instrument"),
      storage: text(raw, "storage"),
      state: someOf(raw, "state", Object.values(CopyState)),
      error_code: text(raw, "error_code"),
      available_after: text(raw, "available_after"),
      available_before: text(raw, "available_before"),
    }),
  component: lazyRouteComponent(() => import("./pages/transfers/TransfersPage"), "TransfersPage"),
});

const transfer = createRoute({
  ...page("/transfers/$transferId"),
  component: lazyRouteComponent(() => import("./pages/transfers/TransferPage"), "TransferPage"),
});

const instruments = createRoute({
  ...page("/instruments"),
  validateSearch: (raw: Raw): Search<InstrumentFilters> =>
    compact({
      search: text(raw, "search"),
      state: oneOf(raw, "state", Object.values(InstrumentState)),
    }),
  component: lazyRouteComponent(
    () => import("./pages/instruments/InstrumentsPage"),
    "InstrumentsPage",
  ),
});

const wizard = createRoute({
  ...page("/instruments/new"),
  beforeLoad: adminsOnly,
  validateSearch: (raw: Raw): { step?: string } => compact({ step: text(raw, "step") }),
  component: lazyRouteComponent(() => import("./pages/wizard/WizardPage"), "WizardPage"),
});

const instrument = createRoute({
  ...page("/instruments/$instrumentId"),
  component: lazyRouteComponent(
    () => import("./pages/instruments/InstrumentPage"),
    "InstrumentPage",
  ),
});

const editInstrument = createRoute({
  ...page("/instruments/$instrumentId/edit"),
  beforeLoad: adminsOnly,
  component: lazyRouteComponent(
    () => import("./pages/instruments/edit/EditInstrumentPage"),
    "EditInstrumentPage",
  ),
});

const flight = createRoute({
  ...page("/instruments/$instrumentId/flight"),
  beforeLoad: adminsOnly,
  component: lazyRouteComponent(
    () => import("./pages/instruments/flight/FlightPage"),
    "FlightPage",
  ),
});

const storage = createRoute({
  ...page("/storage"),
  beforeLoad: adminsOnly,
  validateSearch: (raw: Raw): Search<StorageFilters> =>
    compact({ in_trouble: flag(raw, "in_trouble") }),
  component: lazyRouteComponent(() => import("./pages/storage/StoragePage"), "StoragePage"),
});

const schedules = createRoute({
  ...page("/schedules"),
  beforeLoad: adminsOnly,
  validateSearch: (raw: Raw): Search<ScheduleFilters> =>
    compact({ instrument: text(raw, "instrument") }),
  component: lazyRouteComponent(() => import("./pages/schedules/SchedulesPage"), "SchedulesPage"),
});

const hooks = createRoute({
  ...page("/hooks"),
  beforeLoad: adminsOnly,
  component: lazyRouteComponent(() => import("./pages/hooks/HooksPage"), "HooksPage"),
});

const hookLog = createRoute({
  ...page("/hooks/log"),
  beforeLoad: adminsOnly,
  validateSearch: (raw: Raw): Search<HookRunFilters> =>
    compact({
      hook: text(raw, "hook"),
      instrument: text(raw, "instrument"),
      file: text(raw, "file"),
      outcome: oneOf(raw, "outcome", Object.values(HookOutcome)),
    }),
  component: lazyRouteComponent(() => import("./pages/hooks/HookLogPage"), "HookLogPage"),
});

const accounts = createRoute({
  ...page("/accounts"),
  beforeLoad: adminsOnly,
  component: lazyRouteComponent(() => import("./pages/accounts/AccountsPage"), "AccountsPage"),
});

const users = createRoute({
  ...page("/users"),
  beforeLoad: adminsOnly,
  validateSearch: (raw: Raw): { search?: string } => compact({ search: text(raw, "search") }),
  component: lazyRouteComponent(() => import("./pages/users/UsersPage"), "UsersPage"),
});

const audit = createRoute({
  ...page("/audit"),
  validateSearch: (raw: Raw): Search<AuditFilters> =>
    compact({
      instrument: text(raw, "instrument"),
      subject: text(raw, "subject"),
      actor: text(raw, "actor"),
      action: text(raw, "action"),
      sealed: flag(raw, "sealed"),
    }),
  component: lazyRouteComponent(() => import("./pages/audit/AuditPage"), "AuditPage"),
});

const profile = createRoute({
  ...page("/profile"),
  component: lazyRouteComponent(() => import("./pages/profile/ProfilePage"), "ProfilePage"),
});

const system = createRoute({
  ...page("/system"),
  beforeLoad: adminsOnly,
  component: lazyRouteComponent(() => import("./pages/system/SystemPage"), "SystemPage"),
});

const tree = root.addChildren([
  start,
  signIn,
  app.addChildren([
    overview,
    files,
    file,
    runs,
    run,
    transfers,
    transfer,
    instruments,
    wizard,
    instrument,
    editInstrument,
    flight,
    storage,
    schedules,
    accounts,
    hooks,
    hookLog,
    users,
    audit,
    profile,
    system,
  ]),
]);

export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { client },
    defaultPreload: "intent",
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
