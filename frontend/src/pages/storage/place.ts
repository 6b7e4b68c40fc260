import { type StorageCreate, StorageKind, type StoragePatch, type StorageRead } from "@/api/models";

/** A size as it is typed, in GB: a cleared one is no number. */
type Gigabytes = number | string;

/** A storage location as its form holds it: what its kind has not, stays as it was typed. */
export interface PlaceValues {
  name: string;
  kind: StorageKind;
  path: string;
  host: string;
  port: number | string;
  url: string;
  host_key: string;
  service_account_id: string | null;
  /** Typed, never read. */
  secret: string;
  options: Partial<Record<Option, string>>;
  zone: string;
  case_insensitive: boolean;
  keep_free_bytes: Gigabytes;
  /** Empty: as much as there is room for. */
  quota_bytes: Gigabytes;
}

const OWNED = ["owner", "group", "file_mode", "folder_mode"] as const;
const MOUNTED = ["mount_point", "fstype", "source"] as const;
const OF_S3 = [
  "region",
  "force_path_style",
  "proof",
  "storage_class",
  "encryption",
  "kms_key",
  "object_lock",
  "retain_days",
] as const;
export type Option =
  | (typeof OWNED)[number]
  | (typeof MOUNTED)[number]
  | (typeof OF_S3)[number]
  | "domain"
  | "encrypt";

interface Needs {
  host?: boolean;
  url?: "required" | "optional";
  host_key?: boolean;
  account?: "required" | "optional";
  path: "required" | "optional";
  /** Nobody is told how much space is free there, so none can be kept free. */
  untold?: boolean;
  options: readonly Option[];
}

/** What each kind asks for. */
export const NEEDS: Record<StorageKind, Needs> = {
  posix: { path: "required", options: [...OWNED, ...MOUNTED] },
  nfs: { path: "required", options: [...MOUNTED, ...OWNED] },
  cifs: { host: true, account: "required", path: "required", options: ["domain", "encrypt"] },
  s3: { url: "optional", account: "required", path: "required", untold: true, options: OF_S3 },
  sftp: { host: true, host_key: true, account: "required", path: "optional", options: [] },
  webdav: { url: "required", account: "optional", path: "optional", options: [] },
  rsync: { host: true, account: "optional", path: "required", untold: true, options: [] },
};

const TRUTH = ["true", "false"];
/** Options that are chosen, not typed. */
export const CHOICES: Partial<Record<Option, readonly string[]>> = {
  encrypt: TRUTH,
  force_path_style: TRUTH,
  proof: ["read_back", "storage_checksum"],
  encryption: ["AES256", "aws:kms", "aws:kms:dsse"],
  object_lock: ["GOVERNANCE", "COMPLIANCE"],
};

export const isKind = (kind: string): kind is StorageKind => kind in StorageKind;
const BYTES_A_GIGABYTE = 1e9;

const bytesOf = (typed: Gigabytes): number => Math.round(Number(typed) * BYTES_A_GIGABYTE);
const gigabytes = (bytes: number): number => bytes / BYTES_A_GIGABYTE;

export const EMPTY_PLACE: PlaceValues = {
  name: "",
  kind: StorageKind.posix,
  path: "",
  host: "",
  port: "",
  url: "",
  host_key: "",
  service_account_id: null,
  secret: "",
  options: {},
  zone: "main",
  case_insensitive: false,
  keep_free_bytes: 0,
  quota_bytes: "",
};

export function placeValuesOf(read: StorageRead): PlaceValues {
  return {
    name: read.name,
    kind: isKind(read.kind) ? read.kind : StorageKind.posix,
    path: read.path,
    host: read.host ?? "",
    port: read.port ?? "",
    url: read.url ?? "",
    host_key: read.host_key ?? "",
    service_account_id: read.service_account_id,
    secret: "",
    options: read.options as PlaceValues["options"],
    zone: read.zone,
    case_insensitive: read.case_insensitive,
    keep_free_bytes: gigabytes(read.keep_free_bytes),
    quota_bytes: read.quota_bytes === null ? "" : gigabytes(read.quota_bytes),
  };
}

/** The location as the API takes it: only the fields of its kind. */
export function placeBody(values: PlaceValues): StorageCreate {
  const needs = NEEDS[values.kind];
  const { name, kind, path, zone, case_insensitive, secret } = values;
  const said = needs.options.map((option) => [option, values.options[option]?.trim()] as const);
  return {
    name: name.trim(),
    kind,
    path: path.trim(),
    host: needs.host ? values.host.trim() : null,
    port: needs.host && typeof values.port === "number" ? values.port : null,
    url: (needs.url && values.url.trim()) || null,
    host_key: (needs.host_key && values.host_key.trim()) || null,
    service_account_id: needs.account ? values.service_account_id : null,
    options: Object.fromEntries(said.filter((pair): pair is [Option, string] => Boolean(pair[1]))),
    zone: zone.trim(),
    // A Windows share always compares names so.
    case_insensitive: kind === StorageKind.cifs || case_insensitive,
    keep_free_bytes: bytesOf(values.keep_free_bytes),
    quota_bytes: values.quota_bytes === "" ? null : bytesOf(values.quota_bytes),
    ...(secret && { secret }),
  };
}

const FIXED = ["kind", "path", "case_insensitive", "secret"];
const inOrder = (value: unknown): unknown =>
  value !== null && typeof value === "object" ? Object.entries(value).sort() : value;
const isSame = (one: unknown, other: unknown) =>
  JSON.stringify(inOrder(one)) === JSON.stringify(inOrder(other));

/** Only what was changed is sent: the rest may be somebody else's edit. */
export function placeChanges(base: PlaceValues, values: PlaceValues): StoragePatch {
  const old = placeBody(base);
  const changed = Object.entries(placeBody(values)).filter(
    ([name, value]) => !FIXED.includes(name) && !isSame(value, old[name as keyof typeof old]),
  );
  return Object.fromEntries(changed);
}

const ADDRESS = ["host", "port", "url", "host_key", "options", "service_account_id", "zone"];

/** Whether a change leads elsewhere: then it is worth a test, and may need the secret again. */
export const isElsewhere = (changes: StoragePatch): boolean =>
  ADDRESS.some((name) => name in changes);

/** Where a location is, on one line. */
export function addressOf(
  read: Pick<StorageRead, "kind" | "path" | "host" | "port" | "url">,
): string {
  const { path, host, port, url } = read;
  const server = [host, port].filter(Boolean).join(":");
  const tail = path.replace(/^\/+/, "");
  switch (read.kind) {
    case "cifs":
      return `//${server}/${tail}`;
    case "rsync":
      return `rsync://${server}/${tail}`;
    case "sftp":
      return `sftp://${server}/${tail}`;
    case "s3":
      return url ? `${url.replace(/\/+$/, "")}/${tail}` : `s3://${tail}`;
    case "webdav":
      return [url?.replace(/\/+$/, ""), tail].filter(Boolean).join("/");
    default:
      return path;
  }
}
