/** A metadata field and its value, as the filter `meta` has them: KEY=VALUE. */
export interface MetaFilter {
  name: string;
  value: string;
}

export function partsOf(meta: string | undefined): MetaFilter {
  const [name = "", ...rest] = (meta ?? "").split("=");
  return { name, value: rest.join("=") };
}

/** Nothing as long as one of both is missing: there is no filter by half. */
export function metaOf({ name, value }: MetaFilter): string | undefined {
  const key = name.replaceAll("=", "").trim();
  return key && value.trim() ? `${key}=${value.trim()}` : undefined;
}
