import { useLocalStorage } from "@mantine/hooks";
import { useCallback } from "react";
import type { ServiceAccountCreateSecretKind, SourceDraft } from "@/api/models";
import { EMPTY_SOURCE, type SourceValues, sourceBody } from "@/pages/instruments/source";
import { initialSchedule, type ScheduleValues } from "@/pages/schedules/ScheduleFields";
import type { Rules } from "@/pages/storage/PlaceRules";

/** What was typed so far. It outlives a reload; the secret is not in it. */
export interface Draft extends SourceValues {
  name: string;
  slug: string;
  /** The folder below `root` that was chosen by browsing. */
  folder: string;
  account: "existing" | "new";
  account_id: string | null;
  username: string;
  secret_kind: ServiceAccountCreateSecretKind;
  quiet_seconds: number;
  new_only: boolean;
  storage: string[];
  /** Of storage locations, by id; those that are left out are as usual. */
  rules: Record<string, Rules>;
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
  ...EMPTY_SOURCE,
  name: "",
  slug: "",
  folder: "",
  account: "new",
  account_id: null,
  username: "",
  secret_kind: "password",
  quiet_seconds: 120,
  new_only: false,
  storage: [],
  rules: {},
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

/** "JEOL JEM-2100F (TEM 2)" is "jeol-jem-2100f-tem-2". */
export function slugOf(name: string): string {
  return name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 60);
}

const ADDRESS = ["protocol", "host", "port", "url", "root", "mover", "mover_options"] as const;

/** Whether two drafts lead to the same folder of the same server. */
export function isSameAddress(one: Pick<Draft, Address>, other: Pick<Draft, Address>): boolean {
  return ADDRESS.every((name) => JSON.stringify(one[name]) === JSON.stringify(other[name]));
}
type Address = (typeof ADDRESS)[number];

function joined(root: string, folder: string): string {
  if (!folder) return root;
  return root ? `${root.replace(/\/+$/, "")}/${folder}` : folder;
}

/** The source as the API takes it, with the folder that was chosen. */
export function sourceOf(draft: Draft, accountId: string | null, secret: string): SourceDraft {
  return sourceBody({ ...draft, root: joined(draft.root, draft.folder) }, accountId, secret);
}

/** The same, above the folder that was chosen: for browsing. */
export function topSourceOf(draft: Draft, accountId: string | null, secret: string): SourceDraft {
  return sourceOf({ ...draft, folder: "" }, accountId, secret);
}
