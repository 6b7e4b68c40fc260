import type { NeedRead } from "@/api/models";

interface Target {
  to: string;
  search?: object;
}

const OF_COPIES = ["failed", "conflict", "damaged", "missing"];
/** A file whose name is refused is shown as failed. */
const OF_FILES: Record<string, string> = { held: "held", refused: "failed" };

/** Where a person can do something about a need; null when only an admin can. */
export function needTarget(need: NeedRead, isAdmin: boolean): Target | null {
  if (OF_COPIES.includes(need.kind)) {
    const cause = need.code ? { error_code: need.code } : {};
    return { to: "/transfers", search: { state: [need.kind], ...cause } };
  }
  const state = OF_FILES[need.kind];
  if (state) return { to: "/files", search: { state: [state] } };
  if (need.run_id) return { to: `/runs/${need.run_id}` };
  if (need.service_account_id && isAdmin) return { to: "/accounts" };
  if (need.storage_id) return isAdmin ? { to: "/storage" } : null;
  if (need.instrument_id) return { to: `/instruments/${need.instrument_id}` };
  return isAdmin ? { to: "/system" } : null;
}
