import { Protocol, type SourceDraft } from "@/api/models";

/** How a source is reached, as forms hold it: what its protocol has not, stays as it was typed. */
export interface SourceValues {
  protocol: Protocol;
  host: string;
  port: number | null;
  url: string;
  root: string;
  host_key: string;
  domain: string;
  region: string;
  provider: string;
  /** null: as the server has it without being told. */
  force_path_style: boolean | null;
  vendor: string;
  /** What brings the files; empty is the protocol's default. */
  mover: string;
  mover_options: Record<string, unknown>;
}

export const EMPTY_SOURCE: SourceValues = {
  protocol: Protocol.smb,
  host: "",
  port: null,
  url: "",
  root: "",
  host_key: "",
  domain: "",
  region: "",
  provider: "",
  force_path_style: null,
  vendor: "",
  mover: "",
  mover_options: {},
};

export const hasAccount = (protocol: Protocol): boolean => protocol !== "local";
/** Some servers let anybody in. */
export const needsAccount = (protocol: Protocol): boolean =>
  hasAccount(protocol) && protocol !== "rsync" && protocol !== "adapter";
export const hasHost = (protocol: Protocol): boolean =>
  protocol === "smb" || protocol === "sftp" || protocol === "rsync" || protocol === "adapter";
export const needsHost = (protocol: Protocol): boolean =>
  hasHost(protocol) && protocol !== "adapter";
export const hasUrl = (protocol: Protocol): boolean =>
  protocol === "s3" || protocol === "webdav" || protocol === "adapter";
export const needsUrl = (protocol: Protocol): boolean => hasUrl(protocol) && protocol !== "adapter";
export const needsRoot = (protocol: Protocol): boolean =>
  protocol === "smb" || protocol === "s3" || protocol === "local" || protocol === "rsync";

export const SLUG = /^[a-z0-9]+(-[a-z0-9]+)*$/;

const OPTIONS: Partial<Record<Protocol, readonly (keyof SourceValues)[]>> = {
  smb: ["domain"],
  s3: ["region", "provider", "force_path_style"],
  webdav: ["vendor"],
};

function optionsOf(values: SourceValues): Record<string, string | boolean> {
  const names = OPTIONS[values.protocol] ?? [];
  return Object.fromEntries(
    names
      .map((name) => [name, values[name]] as const)
      .filter(
        (pair): pair is readonly [keyof SourceValues, string | boolean] =>
          pair[1] !== null && pair[1] !== "",
      ),
  );
}

/** The source as the API takes it: only the fields of its protocol. */
export function sourceBody(
  values: SourceValues,
  accountId: string | null,
  secret: string,
): SourceDraft {
  const { protocol } = values;
  return {
    protocol,
    root: values.root,
    options: optionsOf(values),
    mover: values.mover,
    mover_options: values.mover_options,
    ...(hasHost(protocol) && (values.host || needsHost(protocol))
      ? { host: values.host, port: values.port }
      : {}),
    ...(protocol === "sftp" && values.host_key && { host_key: values.host_key }),
    ...(hasUrl(protocol) && (values.url || needsUrl(protocol)) ? { url: values.url } : {}),
    ...(hasAccount(protocol) && { service_account_id: accountId }),
    ...(hasAccount(protocol) && secret && { secret }),
  };
}
