import type { FileStatus, NeedRead } from "@/api/models";

interface Target {
  to: string;
  search?: object;
}

const OF_COPIES = ["failed", "conflict", "damaged", "missing"];
const OF_FILES: Record<string, FileStatus> = { held: "held", refused: "skipped" };

/** Where a person can do something about a need. */
export function needTarget(need: NeedRead): Target {
  if (OF_COPIES.includes(need.kind)) {
    return { to: "/transfers", search: need.code ? { error_code: need.code } : {} };
  }
  const state = OF_FILES[need.kind];
  if (state) return { to: "/files", search: { state: [state] } };
  if (need.run_id) return { to: `/runs/${need.run_id}` };
  if (need.service_account_id) return { to: "/accounts" };
  if (need.storage_id) return { to: "/storage" };
  if (need.instrument_id) return { to: `/instruments/${need.instrument_id}` };
  return { to: "/system" };
}
