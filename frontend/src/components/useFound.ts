import { useDebouncedValue } from "@mantine/hooks";
import {
  type InfiniteData,
  type UseInfiniteQueryOptions,
  useInfiniteQuery,
} from "@tanstack/react-query";
import { useMemo } from "react";
import type { CursorPage } from "@/api/lists";
import type { Problem } from "@/api/problem";

type Options<Item> = UseInfiniteQueryOptions<
  CursorPage<Item>,
  Problem,
  InfiniteData<CursorPage<Item>, unknown>,
  unknown[],
  string | null
>;

interface Found<Item> {
  items: Item[];
  /** There are more than fit into one page: what is typed is looked for by the server. */
  isPart: boolean;
  isPending: boolean;
}

const TYPING_PAUSE_MILLISECONDS = 250;

/**
 * What can be chosen: all of a list, or of one that is longer than a page what fits to the typing.
 * `list` makes the query, with a search or without.
 */
export function useFound<Item>(
  list: (search?: string) => Options<Item>,
  typed = "",
  enabled = true,
): Found<Item> {
  const first = useInfiniteQuery({ ...list(), enabled });
  const [search] = useDebouncedValue(typed.trim(), TYPING_PAUSE_MILLISECONDS);
  const isPart = first.hasNextPage;
  const isAsked = isPart && search !== "";
  const found = useInfiniteQuery({ ...list(search), enabled: enabled && isAsked });
  const { data, isPending } = isAsked ? found : first;
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  return { items, isPart, isPending };
}
