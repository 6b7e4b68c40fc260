import {
  type InfiniteData,
  keepPreviousData,
  type UseInfiniteQueryOptions,
  useInfiniteQuery,
} from "@tanstack/react-query";
import { useMemo } from "react";
import type { CursorPage } from "@/api/lists";
import type { Problem } from "@/api/problem";
import type { RowSource } from "./table";

type Pages<Item> = InfiniteData<CursorPage<Item>, unknown>;

/** The rows of an endless list, as a table wants them. */
export function useRows<Item>(
  options: UseInfiniteQueryOptions<
    CursorPage<Item>,
    Problem,
    Pages<Item>,
    unknown[],
    string | null
  >,
): RowSource<Item> {
  // While a filter's answer is on its way, the last one stays.
  const query = useInfiniteQuery({ ...options, placeholderData: keepPreviousData });
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  return {
    rows,
    isPending: query.isPending,
    isOld: query.isPlaceholderData,
    error: query.error,
    hasNextPage: query.hasNextPage,
    isFetchingNextPage: query.isFetchingNextPage,
    fetchNextPage: query.fetchNextPage,
    refetch: query.refetch,
  };
}
