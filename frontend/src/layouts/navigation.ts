import {
  IconAntenna,
  IconCalendarClock,
  IconDatabase,
  IconFiles,
  IconKey,
  IconLayoutDashboard,
  IconMicroscope,
  IconPlayerPlay,
  IconShieldCheck,
  IconTransfer,
  IconUsers,
  IconWebhook,
} from "@tabler/icons-react";

export type GroupName = "data" | "lab" | "people" | "trust";
export type PageName =
  | "overview"
  | "files"
  | "runs"
  | "transfers"
  | "instruments"
  | "storage"
  | "schedules"
  | "accounts"
  | "hooks"
  | "users"
  | "audit"
  | "system";

export interface Entry {
  page: PageName;
  to: string;
  icon: typeof IconFiles;
  group: GroupName;
  /** Shown to admins only: others have nothing there. */
  adminOnly: boolean;
}

/** The navigation, in its order. A new page is one line here and one in router.tsx. */
export const ENTRIES: Entry[] = [
  { page: "overview", to: "/", icon: IconLayoutDashboard, group: "data", adminOnly: false },
  { page: "files", to: "/files", icon: IconFiles, group: "data", adminOnly: false },
  { page: "runs", to: "/runs", icon: IconPlayerPlay, group: "data", adminOnly: false },
  { page: "transfers", to: "/transfers", icon: IconTransfer, group: "data", adminOnly: false },
  { page: "instruments", to: "/instruments", icon: IconMicroscope, group: "lab", adminOnly: false },
  { page: "storage", to: "/storage", icon: IconDatabase, group: "lab", adminOnly: true },
  { page: "schedules", to: "/schedules", icon: IconCalendarClock, group: "lab", adminOnly: true },
  { page: "accounts", to: "/accounts", icon: IconKey, group: "lab", adminOnly: true },
  { page: "hooks", to: "/hooks", icon: IconWebhook, group: "lab", adminOnly: true },
  { page: "users", to: "/users", icon: IconUsers, group: "people", adminOnly: true },
  { page: "audit", to: "/audit", icon: IconShieldCheck, group: "trust", adminOnly: false },
  { page: "system", to: "/system", icon: IconAntenna, group: "trust", adminOnly: true },
];

export const GROUPS: GroupName[] = ["data", "lab", "people", "trust"];

export function entriesFor(isAdmin: boolean): Entry[] {
  return ENTRIES.filter((entry) => isAdmin || !entry.adminOnly);
}
