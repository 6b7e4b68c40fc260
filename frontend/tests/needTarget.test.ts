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

  it("leads nobody to a page that is not theirs", () => {
    const trouble = need({ kind: "storage_trouble", storage_id: "s1" });
    expect(needTarget(trouble, true)?.to).toBe("/storage");
    expect(needTarget(trouble, false)).toBeNull();
    expect(needTarget(need({ kind: "silent", instrument_id: "i1" }), false)?.to).toBe(
      "/instruments/i1",
    );
  });
});
