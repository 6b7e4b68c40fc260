import type { RunRead } from "@/api/models";
import { formatDuration } from "@/components/format";
import { useNow } from "@/contexts/clock";

export type Trigger = "cron" | "drain" | "manual" | "watch";

/** A counter of a run; a run that has not counted yet has done nothing. */
export function counterOf(run: RunRead, name: "copies" | "new_files" | "scans"): number {
  const value: unknown = run.counters[name];
  return typeof value === "number" ? value : 0;
}

/** How long a run took, or has been going on. */
export function RunDuration({ run }: { run: RunRead }) {
  const now = useNow();
  if (!run.started_at) return null;
  const end = run.ended_at ? Date.parse(run.ended_at) : now;
  const seconds = Math.max(0, (end - Date.parse(run.started_at)) / 1000);
  return <span translate="no">{formatDuration(seconds)}</span>;
}
