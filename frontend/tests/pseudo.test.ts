import { describe, expect, it } from "vitest";
import { en } from "@/i18n/en";
import { pseudo, pseudoCatalogue } from "@/i18n/pseudo";

describe("the pseudo-locale", () => {
  it("keeps placeholders, is longer, and stands between brackets", () => {
    const text = pseudo("{{count}} files of {{name}}");
    expect(text).toContain("{{count}}");
    expect(text).toContain("{{name}}");
    expect(text).toMatch(/^⟦.*⟧$/);
    expect(text.length).toBeGreaterThan("{{count}} files of {{name}}".length * 1.3);
  });

  it("has every text of the catalogue", () => {
    const paths = (texts: object, at = ""): string[] =>
      Object.entries(texts).flatMap(([key, value]) =>
        typeof value === "string" ? [`${at}${key}`] : paths(value as object, `${at}${key}.`),
      );
    expect(paths(pseudoCatalogue(en))).toEqual(paths(en));
  });
});
