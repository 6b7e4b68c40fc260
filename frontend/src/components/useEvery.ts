import {
  type InfiniteData,
  type UseInfiniteQueryOptions,
  useInfiniteQuery,
} from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import type { CursorPage } from "@/api/lists";
import type { Problem } from "@/api/problem";

/** All of a list that forms choose from: page after page, while somebody looks. */
export function useEvery<Item>(
  options: UseInfiniteQueryOptions<
    CursorPage<Item>,
    Problem,
    InfiniteData<CursorPage<Item>, unknown>,
    unknown[],
    string | null
  >,
): Item[] {
  const { data, hasNextPage, isFetching, isError, fetchNextPage } = useInfiniteQuery(options);
  useEffect(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage();
  }, [hasNextPage, isFetching, isError, fetchNextPage]);
  return useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
}
