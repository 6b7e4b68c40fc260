import { useInfiniteQuery, useQueries } from "@tanstack/react-query";
import { instrumentQuery, instrumentsQuery } from "@/api/instruments";
import { useFound } from "./useFound";

const list = (search?: string) => instrumentsQuery(search ? { search } : {});

/** The instruments that the person may see; of more than a page, those that fit to the typing. */
export const useInstruments = (typed = "") => useFound(list, typed);

/** How to name instruments by their ids, also those that are beyond the first page. */
export function useInstrumentNames(ids: string[]): (id: string | null) => string | undefined {
  const { data, hasNextPage: isPart } = useInfiniteQuery(list());
  const named = (id: string) =>
    data?.pages.flatMap((page) => page.items).find((one) => one.id === id);
  const missing = isPart ? ids.filter((id) => named(id) === undefined) : [];
  const others = useQueries({
    queries: [...new Set(missing)].map((id) => ({
      ...instrumentQuery(id),
      refetchInterval: false as const,
    })),
  });
  return (id) =>
    id ? (named(id) ?? others.find((one) => one.data?.id === id)?.data)?.name : undefined;
}

/** The name of one instrument, as soon as it is known. */
export function useInstrumentName(id: string | null): string | undefined {
  return useInstrumentNames(id ? [id] : [])(id);
}
