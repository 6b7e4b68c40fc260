/** What stands in the address: filters are read from it and written to it, so links keep them. */
export type Raw = Record<string, unknown>;

/** Filters as they stand in the address: absent rather than null. */
export type Search<Filters> = { [Name in keyof Filters]?: NonNullable<Filters[Name]> };

export function text(raw: Raw, name: string): string | undefined {
  const value = raw[name];
  if (typeof value === "number") return String(value); // the router reads "123" as a number
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function oneOf<Choice extends string>(
  raw: Raw,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const value = text(raw, name);
  return choices.find((choice) => choice === value);
}

/** Leave out what is undefined: an address holds only the filters that are set. */
export function compact<Search extends object>(search: Search): Search {
  return Object.fromEntries(
    Object.entries(search).filter(([, value]) => value !== undefined && value !== ""),
  ) as Search;
}
