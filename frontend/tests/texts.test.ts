import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStatus } from "@/api/models";
import { STATUSES } from "@/components/statuses";
import { en } from "@/i18n/en";

const SOURCES = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => /\.tsx?$/.test(name) && !name.includes("generated"))
  .map((name) => readFileSync(join("src", name), "utf8"))
  .join("\n");
/** Keys that are put together of parts: whatever follows these is used. */
const COMPOSED = [...SOURCES.matchAll(/[`"]([a-z_]+(?:\.[a-z_]+)*\.)\$\{/g)].map(
  (found) => found[1],
);

function keysOf(texts: object, at = ""): string[] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === "string" ? [`${at}${key}`] : keysOf(value as object, `${at}${key}.`),
  );
}

describe("the texts", () => {
  it("are all used: what nobody shows is nobody's to translate", () => {
    const unused = keysOf(en).filter((key) => {
      const base = key.replace(/_(one|other)$/, "");
      return (
        !SOURCES.includes(`"${base}"`) && !COMPOSED.some((start) => base.startsWith(start ?? ""))
      );
    });
    expect(unused).toEqual([]);
  });

  it("name every status, with a sentence and a look", () => {
    for (const status of Object.values(FileStatus)) {
      expect(en.status[status].name).not.toBe("");
      expect(en.status[status].sentence).not.toBe("");
      expect(STATUSES[status].icon).toBeDefined();
    }
  });

  it("keep red for what needs a person", () => {
    for (const look of Object.values(STATUSES)) {
      expect(look.color === "red").toBe(Boolean(look.needsPerson));
    }
  });
});
