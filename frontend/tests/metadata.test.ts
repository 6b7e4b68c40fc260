import { expect, test } from "vitest";
import type { MetadataRead } from "@/api/models";
import { read, tagsOf } from "@/pages/files/EditMetadata";
import { flat } from "@/pages/files/FileMetadata";

const DATA = { answers: [{ tags: ["raw", "nmr"] }], note: null } as unknown as MetadataRead;

test("tags of hooks that were taken away do not hold, and new ones are a person's", () => {
  expect(tagsOf(DATA, ["nmr", "good"])).toEqual({ tags_added: ["good"], tags_removed: ["raw"] });
});

test("what is written as a number, a truth value or a list stays one", () => {
  expect([read("12.5"), read("true"), read("[1]"), read("12 mg"), read("")]).toEqual([
    12.5,
    true,
    [1],
    "12 mg",
    "",
  ]);
});

test("what stands inside of a field has a line of its own", () => {
  expect(flat({ run: 4, nmr: { nucleus: "1H", lock: { on: true } }, list: [1, 2] })).toEqual([
    { name: "run", of: "run", value: 4 },
    { name: "nmr.nucleus", of: "nmr", value: "1H" },
    { name: "nmr.lock.on", of: "nmr", value: true },
    { name: "list", of: "list", value: [1, 2] },
  ]);
});
