import { useTranslation } from "react-i18next";
import type { RunRead } from "@/api/models";
import { CountLink } from "@/components/CountLink";
import { formatDuration } from "@/components/format";
import { useInstruments } from "@/components/useInstruments";
import { useNow } from "@/contexts/clock";
import { compact } from "@/search";

export type Trigger = "cron" | "drain" | "manual" | "watch";

/** A counter of a run; a run that has not counted yet has done nothing. */
export function counterOf(run: RunRead, name: "copies" | "new_files" | "scans"): number {
  const value: unknown = run.counters[name];
  return typeof value === "number" ? value : 0;
}

/** When a run did what it did, as filters of lists have it; one that lives has no end. */
function spanOf(run: RunRead): [after: string, before: string | undefined] {
  return [run.started_at ?? run.requested_at, run.ended_at ?? undefined];
}

/** The instruments that a run is about: its own, or those of its zone where there are others. */
function useInstrumentsOf(run: RunRead): { instrument?: string[] } {
  const { items } = useInstruments();
  if (run.instrument_id) return { instrument: [run.instrument_id] };
  const own = items.filter((one) => one.zone === run.zone);
  const isAll = own.length === items.length || own.length > MOST_INSTRUMENTS;
  return isAll ? {} : { instrument: own.map((one) => one.id) };
}

const MOST_INSTRUMENTS = 100;

/** How many files a run saw for the first time, and which. */
export function NewFiles({ run }: { run: RunRead }) {
  const { t } = useTranslation();
  const [after, before] = spanOf(run);
  return (
    <CountLink
      count={{ count: counterOf(run, "new_files"), more: false }}
      label={t("runs.columns.files")}
      to="/files"
      search={compact({
        ...useInstrumentsOf(run),
        first_seen_after: after,
        first_seen_before: before,
      })}
    />
  );
}

/** How many copies a run made, and which became available while it worked. */
export function MadeCopies({ run }: { run: RunRead }) {
  const { t } = useTranslation();
  const [after, before] = spanOf(run);
  return (
    <CountLink
      count={{ count: counterOf(run, "copies"), more: false }}
      label={t("runs.columns.copies")}
      to="/transfers"
      search={compact({
        ...useInstrumentsOf(run),
        available_after: after,
        available_before: before,
      })}
    />
  );
}

/** How long a run took, or has been going on. */
export function RunDuration({ run }: { run: RunRead }) {
  const now = useNow();
  if (!run.started_at) return null;
  const end = run.ended_at ? Date.parse(run.ended_at) : now;
  const seconds = Math.max(0, (end - Date.parse(run.started_at)) / 1000);
  return <span translate="no">{formatDuration(seconds)}</span>;
}
