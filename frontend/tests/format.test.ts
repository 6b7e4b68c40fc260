import { describe, expect, it } from "vitest";
import { formatBytes, formatDuration, formatRelative } from "@/components/format";

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 kB"],
    [1234, "1.23 kB"],
    [999_499, "999 kB"],
    [999_500, "1 MB"],
    [999_999, "1 MB"],
    [7_099_514, "7.1 MB"],
    [3e12, "3 TB"],
    [1.5e18, "1.5 EB"],
    [5e21, "5,000 EB"],
  ])("shows %d as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe("formatDuration", () => {
  it.each([
    [0, "0 sec"],
    [0.42, "420 ms"],
    [59, "59 sec"],
    [60, "1 min"],
    [61, "1 min 1 sec"],
    [3600, "1 hr"],
    [3661, "1 hr 1 min"],
    [90_000, "1 day 1 hr"],
  ])("shows %d seconds as %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe("formatRelative", () => {
  it.each([
    [-5, "5 seconds ago"],
    [-90, "1 minute ago"],
    [-7200, "2 hours ago"],
    [-26 * 3600, "26 hours ago"],
    [-3 * 86_400, "3 days ago"],
    [240, "in 4 minutes"],
  ])("shows %d seconds as %s", (seconds, text) => {
    expect(formatRelative(seconds)).toBe(text);
  });
});
