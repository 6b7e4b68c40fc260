/** What stands in the address: filters are read from it and written to it, so links keep them. */
export type Raw = Record<string, unknown>;

/** Filters as they stand in the address: absent rather than null. */
export type Search<Filters> = { [Name in keyof Filters]?: NonNullable<Filters[Name]> };

export function text(raw: Raw, name: string): string | undefined {
  const value = raw[name];
  if (typeof value === "number") return String(value); // the router reads "123" as a number
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** KEY=VALUE; anything else is no filter. */
export function keyValue(raw: Raw, name: string): string | undefined {
  const value = text(raw, name);
  return value !== undefined && /^[^=]{1,64}=.{0,200}$/.test(value) ? value : undefined;
}

export function oneOf<Choice extends string>(
  raw: Raw,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const value = text(raw, name);
  return choices.find((choice) => choice === value);
}

/** A filter of several values; one alone stands in the address as itself. */
export function texts(raw: Raw, name: string): string[] | undefined {
  const value = raw[name];
  const found = (Array.isArray(value) ? value : [value])
    .map((one) => (typeof one === "number" ? String(one) : one))
    .filter((one): one is string => typeof one === "string" && one !== "");
  return found.length > 0 ? found : undefined;
}

export function someOf<Choice extends string>(
  raw: Raw,
  name: string,
  choices: readonly Choice[],
): Choice[] | undefined {
  const found = texts(raw, name)?.filter((one): one is Choice =>
    (choices as readonly string[]).includes(one),
  );
  return found?.length ? found : undefined;
}

export function number(raw: Raw, name: string): number | undefined {
  const value = Number(raw[name]);
  return raw[name] !== undefined && Number.isFinite(value) ? value : undefined;
}

export function flag(raw: Raw, name: string): boolean | undefined {
  const value = raw[name];
  if (value === true || value === "true") return true;
  return value === false || value === "false" ? false : undefined;
}

/** Leave out what is undefined: an address holds only the filters that are set. */
export function compact<Search extends object>(search: Search): Search {
  return Object.fromEntries(
    Object.entries(search).filter(([, value]) => value !== undefined && value !== ""),
  ) as Search;
}
