import { describe, expect, it } from "vitest";
import type { InstrumentRead } from "@/api/models";
import {
  atOwnFields,
  changesOf,
  isNewAddress,
  mergeOnto,
  valuesOf,
} from "@/pages/instruments/edit/values";

const READ = {
  id: "i",
  name: "TEM-2",
  slug: "tem-2",
  description: "",
  zone: "main",
  paused: false,
  protocol: "smb",
  host: "tem2-pc",
  port: null,
  url: null,
  root: "data",
  host_key: null,
  options: { domain: "LAB" },
  mover: "",
  mover_options: {},
  service_account_id: "a",
  quiet_seconds: 120,
  incarnation_policy: "version",
  start_from: null,
  connections: 2,
  bandwidth_bytes_per_second: 1_234_567,
  quiet_hours: null,
  shrink_ratio: 0.29,
  storage: [
    {
      storage_location_id: "s",
      storage_name: "Archive",
      required: true,
      template: null,
      backfill_pending: false,
      enough: null,
    },
  ],
  scan: null,
  revision: 3,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
} as InstrumentRead;
const base = valuesOf(READ);

describe("an edit", () => {
  it("sends nothing of what was not changed", () => {
    expect(changesOf(base, { ...base })).toEqual({});
    expect(changesOf(base, { ...base, bandwidth_megabytes: "" })).toEqual({
      bandwidth_bytes_per_second: null,
    });
    expect(changesOf(base, { ...base, shrink_percent: 57 })).toEqual({ shrink_ratio: 0.57 });
  });

  it("sends a storage policy as a whole, a new place with what is wished of it", () => {
    const added = { storage_location_id: "t", required: false, template: "", backfill: false };
    expect(changesOf(base, { ...base, storage: [...base.storage, added] })).toEqual({
      storage: [
        { storage_location_id: "s", required: true, template: null, enough: null },
        { storage_location_id: "t", required: false, template: null, backfill: false },
      ],
    });
  });

  it("takes away what another protocol may not keep", () => {
    const moved = { ...base, protocol: "webdav" as const, url: "https://nas", host: "tem2-pc" };
    expect(changesOf(base, moved)).toEqual({
      protocol: "webdav",
      host: null,
      url: "https://nas",
      options: {},
    });
    const local = { ...base, protocol: "local" as const, root: "/data" };
    expect(changesOf(base, local)).toMatchObject({ service_account_id: null, host: null });
  });

  it("knows when a secret would go to another address", () => {
    expect(isNewAddress(base, { ...base, root: "data/2026" })).toBe(false);
    expect(isNewAddress(base, { ...base, host: "other" })).toBe(true);
    expect(isNewAddress(base, { ...base, account_id: "b" })).toBe(true);
    expect(isNewAddress(base, { ...base, domain: "" })).toBe(true);
    expect(isNewAddress(base, { ...base, protocol: "local", root: "/data" })).toBe(false);
  });

  it("keeps what was typed on top of what somebody else saved", () => {
    const typed = { ...base, description: "mine", connections: 7, secret: "s" };
    const now = { ...base, quiet_seconds: 77, connections: 9, host: "moved" };
    const { values, theirs, both } = mergeOnto(base, typed, now);
    expect(values).toEqual({ ...typed, quiet_seconds: 77, host: "moved" });
    expect(theirs).toEqual(["source", "quiet"]);
    expect(both).toEqual(["connections"]);
  });

  it("takes an address as a whole: half of two is none", () => {
    const { values, both } = mergeOnto(
      base,
      { ...base, host: "mine" },
      { ...base, root: "theirs" },
    );
    expect([values.host, values.root, both]).toEqual(["mine", "data", ["source"]]);
  });

  it("is no disagreement when both changed it to the same", () => {
    const { theirs, both } = mergeOnto(base, { ...base, name: "X" }, { ...base, name: "X" });
    expect([theirs, both]).toEqual([[], []]);
  });

  it("shows the server's errors where the form has the field", () => {
    expect(
      atOwnFields({
        bandwidth_bytes_per_second: "a",
        "quiet_hours.time_zone": "b",
        "options.domain": "c",
        "storage.0.required": "d",
        "storage.1.template": "t",
        root: "e",
      }),
    ).toEqual({
      bandwidth_megabytes: "a",
      hours_zone: "b",
      domain: "c",
      storage: "d",
      "storage.1.template": "t",
      root: "e",
    });
  });
});
