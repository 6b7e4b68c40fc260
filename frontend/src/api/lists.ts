import { infiniteQueryOptions } from "@tanstack/react-query";

/** A page of a list as the server sends it (keyset cursors, no offsets). */
export interface CursorPage<Item> {
  items: Item[];
  next_cursor: string | null;
}

export const PAGE_SIZE = 100;

/** The endless list behind a table: pages are fetched as the person scrolls. */
export function listOptions<Item, Filters extends object>(
  key: readonly unknown[],
  filters: Filters,
  fetch: (params: Filters & { limit: number; cursor?: string }) => Promise<CursorPage<Item>>,
  limit: number = PAGE_SIZE,
) {
  return infiniteQueryOptions({
    queryKey: [...key, "list", filters],
    queryFn: ({ pageParam }) =>
      fetch({ ...filters, limit, ...(pageParam === null ? {} : { cursor: pageParam }) }),
    initialPageParam: null as string | null,
    getNextPageParam: (page: CursorPage<Item>) => page.next_cursor,
  });
}

/** The address of a list as CSV, with the filters of the page. */
export function csvHref(path: string, filters: object): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) params.append(name, String(one));
    }
  }
  const query = params.toString();
  return query ? `${path}?${query}` : path;
}
