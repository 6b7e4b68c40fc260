import { useInfiniteQuery } from "@tanstack/react-query";
import type { InstrumentRead } from "@/api/models";
import { runsQuery } from "@/api/runs";
import { LastRuns } from "@/pages/overview/LastRuns";

const SHOWN = 5;

/** The last runs of an instrument; one that lives can be opened and cancelled there. */
export function InstrumentRuns({ instrument }: { instrument: InstrumentRead }) {
  const filters = { instrument: instrument.id };
  const { data } = useInfiniteQuery(runsQuery(filters));
  if (!data) return null;
  return <LastRuns runs={data.pages[0]?.items.slice(0, SHOWN) ?? []} filters={filters} />;
}
