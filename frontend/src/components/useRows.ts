import {
  type InfiniteData,
  type UseInfiniteQueryOptions,
  useInfiniteQuery,
} from "@tanstack/react-query";
import { useMemo } from "react";
import type { CursorPage } from "@/api/lists";
import type { Problem } from "@/api/problem";
import type { RowSource } from "./DataTable";

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
  const query = useInfiniteQuery(options);
  const rows = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  return {
    rows,
    isPending: query.isPending,
    error: query.error,
    hasNextPage: query.hasNextPage,
    isFetchingNextPage: query.isFetchingNextPage,
    fetchNextPage: query.fetchNextPage,
    refetch: query.refetch,
  };
}
