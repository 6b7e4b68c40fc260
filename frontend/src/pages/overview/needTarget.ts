import type { NeedRead } from "@/api/models";

interface Target {
  to: string;
  search?: object;
}

const DAY_MILLISECONDS = 86_400_000;
const OF_COPIES = ["failed", "conflict", "damaged", "missing"];
/** A file whose name is refused is shown as failed. */
const OF_FILES: Record<string, string> = { held: "held", refused: "failed" };

/** Where a person can do something about a need; null when only an admin can. */
export function needTarget(
  need: NeedRead,
  isAdmin: boolean,
  now: number = Date.now(),
): Target | null {
  if (OF_COPIES.includes(need.kind)) {
    const cause = need.code ? { error_code: need.code } : {};
    return { to: "/transfers", search: { state: [need.kind], ...cause } };
  }
  const state = OF_FILES[need.kind];
  if (state) {
    const reason = need.code ? { reason: need.code } : {};
    return { to: "/files", search: { state: [state], ...reason } };
  }
  if (need.kind === "run_lost" && need.count > 1) {
    // As long as the need looks back.
    const ended_after = new Date(now - DAY_MILLISECONDS).toISOString();
    return { to: "/runs", search: { outcome: "lost", ended_after } };
  }
  if (need.kind === "audit_unsealed") return { to: "/audit", search: { sealed: false } };
  if (need.kind === "hook_stopped") return isAdmin ? { to: "/hooks" } : null;
  if (need.run_id) return { to: `/runs/${need.run_id}` };
  if (need.service_account_id && isAdmin) return { to: "/accounts" };
  if (need.storage_id) return isAdmin ? { to: "/storage" } : null;
  if (need.instrument_id) return { to: `/instruments/${need.instrument_id}` };
  return isAdmin ? { to: "/system" } : null;
}
