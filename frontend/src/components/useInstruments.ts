import { useInfiniteQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { instrumentsQuery } from "@/api/instruments";
import type { InstrumentRead } from "@/api/models";

const NONE: InstrumentRead[] = [];

/** The instruments that the person may see, and how to name one by its id. */
export function useInstruments() {
  const query = useInfiniteQuery(instrumentsQuery());
  const instruments = useMemo(
    () => query.data?.pages.flatMap((page) => page.items) ?? NONE,
    [query.data],
  );
  const names = useMemo(() => new Map(instruments.map((one) => [one.id, one.name])), [instruments]);
  return { instruments, nameOf: (id: string | null) => (id ? names.get(id) : undefined) };
}
