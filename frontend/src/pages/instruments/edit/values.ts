import type {
  IncarnationPolicy,
  InstrumentPatch,
  InstrumentRead,
  Protocol,
  StoragePolicy,
} from "@/api/models";
import { hasAccount, type SourceValues, sourceBody } from "../source";

/** A number as it is typed: a cleared one is no number. */
type Typed = number | string;

/** An instrument as the form holds it. */
export interface EditValues extends SourceValues {
  name: string;
  slug: string;
  description: string;
  zone: string;
  account_id: string | null;
  /** Typed, never read. */
  secret: string;
  quiet_seconds: Typed;
  incarnation_policy: IncarnationPolicy;
  start_from: string | null;
  shrink_percent: Typed;
  storage: StoragePolicy[];
  connections: Typed;
  /** Empty is unlimited. */
  bandwidth_megabytes: Typed;
  has_quiet_hours: boolean;
  hours_from: string;
  hours_to: string;
  hours_zone: string;
}

export const BYTES_A_MEGABYTE = 1e6;
const PERCENT = 100;

interface Hours {
  from: string;
  to: string;
  time_zone: string;
}

export function valuesOf(read: InstrumentRead): EditValues {
  const options = (read.options ?? {}) as Record<string, string | boolean | undefined>;
  const text = (name: string) => String(options[name] ?? "");
  const hours = read.quiet_hours as Hours | null;
  const bandwidth = read.bandwidth_bytes_per_second;
  return {
    name: read.name,
    slug: read.slug,
    description: read.description,
    zone: read.zone,
    protocol: read.protocol as Protocol,
    host: read.host ?? "",
    port: read.port,
    url: read.url ?? "",
    root: read.root ?? "",
    host_key: read.host_key ?? "",
    domain: text("domain"),
    region: text("region"),
    provider: text("provider"),
    force_path_style: (options.force_path_style as boolean | undefined) ?? null,
    vendor: text("vendor"),
    mover: read.mover ?? "",
    mover_options: read.mover_options ?? {},
    account_id: read.service_account_id,
    secret: "",
    quiet_seconds: read.quiet_seconds,
    incarnation_policy: read.incarnation_policy as IncarnationPolicy,
    start_from: read.start_from,
    // 0.29 * 100 is no whole number.
    shrink_percent: Number((read.shrink_ratio * PERCENT).toFixed(4)),
    storage: read.storage.map(({ storage_location_id, required, template, enough }) => ({
      storage_location_id,
      required,
      template,
      enough,
    })),
    connections: read.connections,
    bandwidth_megabytes: bandwidth === null ? "" : bandwidth / BYTES_A_MEGABYTE,
    has_quiet_hours: hours !== null,
    hours_from: hours?.from ?? "08:00",
    hours_to: hours?.to ?? "18:00",
    hours_zone: hours?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

/** What no other protocol may keep of the last one. */
const NO_SOURCE = { host: null, port: null, url: null, host_key: null, service_account_id: null };

/** Everything that can be changed, as the API takes it. */
function bodyOf(values: EditValues): Omit<Required<InstrumentPatch>, "secret"> {
  const megabytes = values.bandwidth_megabytes;
  return {
    ...NO_SOURCE,
    ...(sourceBody(values, values.account_id, "") as Required<
      Pick<InstrumentPatch, "protocol" | "root" | "options" | "mover" | "mover_options">
    >),
    name: values.name.trim(),
    slug: values.slug,
    description: values.description,
    zone: values.zone,
    quiet_seconds: Number(values.quiet_seconds),
    incarnation_policy: values.incarnation_policy,
    start_from: values.start_from,
    shrink_ratio: Number(values.shrink_percent) / PERCENT,
    storage: values.storage.map((one) => ({ ...one, template: one.template || null })),
    connections: Number(values.connections),
    bandwidth_bytes_per_second:
      megabytes === "" ? null : Math.round(Number(megabytes) * BYTES_A_MEGABYTE),
    quiet_hours: values.has_quiet_hours
      ? { from: values.hours_from, to: values.hours_to, time_zone: values.hours_zone }
      : null,
  };
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** Only what was changed is sent: the rest may be somebody else's edit. */
export function changesOf(base: EditValues, values: EditValues): InstrumentPatch {
  const old = bodyOf(base);
  const changed = Object.entries(bodyOf(values)).filter(
    ([name, value]) => !isSame(value, old[name as keyof typeof old]),
  );
  return Object.fromEntries(changed);
}

// All that decides where a log-on goes, and which one.
const ADDRESS = [
  "protocol",
  "host",
  "port",
  "url",
  "host_key",
  "options",
  "service_account_id",
  "mover",
  "mover_options",
] as const;

/** Whether a stored secret would go where it was not before. */
export function isNewAddress(base: EditValues, values: EditValues): boolean {
  const changed = changesOf(base, values);
  return hasAccount(values.protocol) && ADDRESS.some((name) => name in changed);
}

/** What belongs together: somebody's half of an address fits nobody else's half. */
const GROUPS = {
  name: ["name"],
  slug: ["slug"],
  description: ["description"],
  source: [
    "protocol",
    "host",
    "port",
    "url",
    "root",
    "host_key",
    "domain",
    "region",
    "provider",
    "force_path_style",
    "vendor",
    "mover",
    "mover_options",
    "account_id",
  ],
  zone: ["zone"],
  quiet: ["quiet_seconds"],
  incarnation: ["incarnation_policy"],
  start_from: ["start_from"],
  shrink: ["shrink_percent"],
  storage: ["storage"],
  connections: ["connections"],
  bandwidth: ["bandwidth_megabytes"],
  quiet_hours: ["has_quiet_hours", "hours_from", "hours_to", "hours_zone"],
} as const satisfies Record<string, readonly (keyof EditValues)[]>;
export type EditGroup = keyof typeof GROUPS;

export interface Merged {
  values: EditValues;
  /** Changed by somebody else, and taken over. */
  theirs: EditGroup[];
  /** Changed by both: what was typed here stays. */
  both: EditGroup[];
}

/** What was typed, on top of what is saved by now. */
export function mergeOnto(base: EditValues, typed: EditValues, now: EditValues): Merged {
  const differs = (one: EditValues, other: EditValues, group: EditGroup) =>
    GROUPS[group].some((name) => !isSame(one[name], other[name]));
  const merged: Merged = { values: { ...typed }, theirs: [], both: [] };
  for (const group of Object.keys(GROUPS) as EditGroup[]) {
    const isTyped = differs(base, typed, group);
    if (differs(base, now, group) && differs(typed, now, group)) {
      merged[isTyped ? "both" : "theirs"].push(group);
    }
    if (!isTyped) {
      for (const name of GROUPS[group]) Object.assign(merged.values, { [name]: now[name] });
    }
  }
  return merged;
}

/** The server's pointers, where the form calls a field otherwise. */
const FIELDS: Record<string, string> = {
  service_account_id: "account_id",
  bandwidth_bytes_per_second: "bandwidth_megabytes",
  shrink_ratio: "shrink_percent",
  options: "protocol",
  "quiet_hours.from": "hours_from",
  "quiet_hours.to": "hours_to",
  "quiet_hours.time_zone": "hours_zone",
};

/** The server's field errors at the form's own fields. */
export function atOwnFields(errors: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(errors).map(([name, text]) => [
      FIELDS[name] ??
        name
          .replace(/^mover_options\..*$/, "mover_options")
          .replace(/^options\./, "")
          .replace(/^storage\.(?!\d+\.template$).*$/, "storage"),
      text,
    ]),
  );
}
