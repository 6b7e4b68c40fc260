import { describe, expect, it } from "vitest";
import type { NeedRead } from "@/api/models";
import { needTarget } from "@/pages/overview/needTarget";

function need(values: Partial<NeedRead>): NeedRead {
  return {
    kind: "",
    severity: "critical",
    sentence: "",
    count: 1,
    more: false,
    ...values,
  } as NeedRead;
}

describe("where a need leads", () => {
  it("shows the copies that it counts, no others of the cause", () => {
    expect(needTarget(need({ kind: "failed", code: "storage_full" }), true)).toEqual({
      to: "/transfers",
      search: { state: ["failed"], error_code: "storage_full" },
    });
    expect(needTarget(need({ kind: "damaged" }), true)).toEqual({
      to: "/transfers",
      search: { state: ["damaged"] },
    });
  });

  it("shows refused files where the list has them", () => {
    expect(needTarget(need({ kind: "refused" }), true)?.search).toEqual({ state: ["failed"] });
  });

  it("shows the files of one reason", () => {
    expect(needTarget(need({ kind: "held", code: "hook_silent" }), true)?.search).toEqual({
      state: ["held"],
      reason: "hook_silent",
    });
  });

  it("shows all runs that it counts, and one by itself", () => {
    const now = Date.parse("2026-05-20T12:00:00Z");
    const lost = { kind: "run_lost", run_id: "r1" };
    expect(needTarget(need({ ...lost, count: 3 }), true, now)).toEqual({
      to: "/runs",
      search: { outcome: "lost", ended_after: "2026-05-19T12:00:00.000Z" },
    });
    expect(needTarget(need(lost), true, now)).toEqual({ to: "/runs/r1" });
  });

  it("leads nobody to a page that is not theirs", () => {
    const trouble = need({ kind: "storage_trouble", storage_id: "s1" });
    expect(needTarget(trouble, true)?.to).toBe("/storage");
    expect(needTarget(trouble, false)).toBeNull();
    const stopped = need({ kind: "hook_stopped", instrument_id: "i1" });
    expect(needTarget(stopped, true)?.to).toBe("/hooks");
    expect(needTarget(stopped, false)).toBeNull();
    expect(needTarget(need({ kind: "silent", instrument_id: "i1" }), false)?.to).toBe(
      "/instruments/i1",
    );
  });
});
