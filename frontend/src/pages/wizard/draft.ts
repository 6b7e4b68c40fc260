import { useLocalStorage } from "@mantine/hooks";
import { useCallback } from "react";
import type { Protocol, ServiceAccountCreateSecretKind, SourceDraft } from "@/api/models";
import { initialSchedule, type ScheduleValues } from "@/pages/schedules/ScheduleFields";

/** What was typed so far. It outlives a reload; the secret is not in it. */
export interface Draft {
  name: string;
  slug: string;
  protocol: Protocol;
  host: string;
  port: number | null;
  url: string;
  root: string;
  host_key: string;
  domain: string;
  region: string;
  /** The folder below `root` that was chosen by browsing. */
  folder: string;
  account: "existing" | "new";
  account_id: string | null;
  username: string;
  secret_kind: ServiceAccountCreateSecretKind;
  quiet_seconds: number;
  new_only: boolean;
  storage: string[];
  schedule: ScheduleValues;
}

export const STEPS = [
  "source",
  "connection",
  "folder",
  "complete",
  "storage",
  "schedule",
  "go",
] as const;
export type Step = (typeof STEPS)[number];

const EMPTY: Draft = {
  name: "",
  slug: "",
  protocol: "smb",
  host: "",
  port: null,
  url: "",
  root: "",
  host_key: "",
  domain: "",
  region: "",
  folder: "",
  account: "new",
  account_id: null,
  username: "",
  secret_kind: "password",
  quiet_seconds: 120,
  new_only: false,
  storage: [],
  schedule: initialSchedule(),
};

/** The draft, kept in the browser until the instrument is saved or it is thrown away. */
export function useDraft() {
  const [draft, setDraft, discard] = useLocalStorage<Draft>({
    key: "streamweave-new-instrument",
    defaultValue: EMPTY,
    getInitialValueInEffect: false,
    // A draft of an older version of the page may lack fields.
    deserialize: (text) => ({ ...EMPTY, ...(text ? (JSON.parse(text) as Partial<Draft>) : {}) }),
  });
  const change = useCallback(
    (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part })),
    [setDraft],
  );
  return { draft, change, discard };
}

export const hasAccount = (protocol: Protocol): boolean => protocol !== "local";
export const hasHost = (protocol: Protocol): boolean => protocol === "smb" || protocol === "sftp";
export const hasUrl = (protocol: Protocol): boolean => protocol === "s3" || protocol === "webdav";

/** "JEOL JEM-2100F (TEM 2)" is "jeol-jem-2100f-tem-2". */
export function slugOf(name: string): string {
  return name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
}

export const SLUG = /^[a-z0-9]+(-[a-z0-9]+)*$/;

const ADDRESS = ["protocol", "host", "port", "url", "root"] as const;

/** Whether two drafts lead to the same folder of the same server. */
export function isSameAddress(one: Pick<Draft, Address>, other: Pick<Draft, Address>): boolean {
  return ADDRESS.every((name) => one[name] === other[name]);
}
type Address = (typeof ADDRESS)[number];

function joined(root: string, folder: string): string {
  if (!folder) return root;
  return root ? `${root.replace(/\/+$/, "")}/${folder}` : folder;
}

/** The source as the API takes it: only the fields of its protocol. */
export function sourceOf(draft: Draft, accountId: string | null, secret: string): SourceDraft {
  const { protocol } = draft;
  const options: Record<string, string> = {};
  if (protocol === "smb" && draft.domain) options.domain = draft.domain;
  if (protocol === "s3" && draft.region) options.region = draft.region;
  return {
    protocol,
    root: joined(draft.root, draft.folder),
    options,
    ...(hasHost(protocol) && { host: draft.host, port: draft.port }),
    ...(protocol === "sftp" && draft.host_key && { host_key: draft.host_key }),
    ...(hasUrl(protocol) && { url: draft.url }),
    ...(hasAccount(protocol) && { service_account_id: accountId }),
    ...(hasAccount(protocol) && secret && { secret }),
  };
}

/** The same, above the folder that was chosen: for browsing. */
export function topSourceOf(draft: Draft, accountId: string | null, secret: string): SourceDraft {
  return sourceOf({ ...draft, folder: "" }, accountId, secret);
}
