import { describe, expect, it } from "vitest";
import { csvHref } from "@/api/lists";
import { metaOf, partsOf } from "@/pages/files/metaFilter";
import { type Draft, isSameAddress, slugOf, sourceOf } from "@/pages/wizard/draft";
import { compact, keyValue, number, oneOf, someOf, text, texts } from "@/search";

describe("what stands in the address", () => {
  it("reads a text that looks like a number as a text", () => {
    expect(text({ search: 20261124 }, "search")).toBe("20261124");
  });

  it("takes no value that is none of the choices", () => {
    expect(oneOf({ state: "sunny" }, "state", ["live", "ended"])).toBeUndefined();
    expect(someOf({ state: ["failed", "sunny"] }, "state", ["failed"])).toEqual(["failed"]);
  });

  it("reads one value and many alike", () => {
    expect(texts({ type: "raw" }, "type")).toEqual(["raw"]);
    expect(texts({ type: ["raw", "tif"] }, "type")).toEqual(["raw", "tif"]);
    expect(texts({ type: 264 }, "type")).toEqual(["264"]);
  });

  it("takes a metadata field with its value, and nothing by half", () => {
    expect(keyValue({ meta: "run=7" }, "meta")).toBe("run=7");
    expect(keyValue({ meta: "run" }, "meta")).toBeUndefined();
    expect(keyValue({ meta: "=7" }, "meta")).toBeUndefined();
    expect(partsOf("formula=a=b")).toEqual({ name: "formula", value: "a=b" });
    expect(partsOf(undefined)).toEqual({ name: "", value: "" });
    expect(metaOf({ name: " run ", value: " 7 " })).toBe("run=7");
    expect(metaOf({ name: "run", value: " " })).toBeUndefined();
    expect(metaOf({ name: "", value: "7" })).toBeUndefined();
  });

  it("leaves out what is not set", () => {
    expect(compact({ a: undefined, b: "", c: "x" })).toEqual({ c: "x" });
    expect(number({ size_min: "many" }, "size_min")).toBeUndefined();
  });

  it("asks for the CSV of the very list that is shown", () => {
    expect(csvHref("/api/files.csv", { state: ["failed", "held"], search: "a b" })).toBe(
      "/api/files.csv?state=failed&state=held&search=a+b",
    );
  });
});

describe("the draft of an instrument", () => {
  it("makes a short name that the server takes", () => {
    expect(slugOf("JEOL JEM-2100F (TEM 2)")).toBe("jeol-jem-2100f-tem-2");
    expect(slugOf("Größe")).toBe("gro-e");
  });

  it("knows when a chosen folder stands on another server", () => {
    const one = {
      protocol: "smb",
      host: "tem",
      port: null,
      url: "",
      root: "data",
      mover: "",
      mover_options: {},
    } as const;
    expect(isSameAddress(one, { ...one })).toBe(true);
    expect(isSameAddress(one, { ...one, root: "raw" })).toBe(false);
  });

  it("sends only the fields of its protocol", () => {
    const draft = {
      protocol: "local",
      root: "/data",
      folder: "tem",
      host: "left-over",
      url: "",
      port: 22,
      host_key: "",
      domain: "",
      region: "",
    } as Draft;
    expect(sourceOf(draft, "a1", "secret")).toEqual({
      protocol: "local",
      root: "/data/tem",
      options: {},
    });
  });
});
