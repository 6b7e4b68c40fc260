import { screen } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import { contentHref, newestProven, zipHref } from "@/api/files";
import * as api from "@/api/generated/files/files";
import type { FileRead, VersionRead } from "@/api/models";
import { DownloadFile } from "@/pages/files/Download";
import { show } from "./show";

const version = (number: number, state: string) =>
  ({ id: `v${number}`, number, size_bytes: 1000 * number, copies: [{ state }] }) as VersionRead;
const FILE = { id: "f", latest_version: 2 } as FileRead;

describe("a download", () => {
  it("is of the newest version that is proven", async () => {
    const versions = [version(2, "queued"), version(1, "available")];
    expect(newestProven(versions)?.number).toBe(1);
    vi.spyOn(api, "listFileVersions").mockResolvedValue({ items: versions } as never);
    show(<DownloadFile file={FILE} />);
    const link = await screen.findByRole("link", { name: /^Download version 1, .* 1 kB$/ });
    expect(link.getAttribute("href")).toBe("/api/files/f/content");
  });

  it("is not offered while nothing is proven", async () => {
    const asked = vi
      .spyOn(api, "listFileVersions")
      .mockResolvedValue({ items: [version(2, "queued")] } as never);
    show(<DownloadFile file={FILE} />);
    await vi.waitFor(() => expect(asked).toHaveBeenCalled());
    expect(screen.queryByRole("link")).toBeNull();
  });

  it("names a version, and a list by its filters", () => {
    expect(contentHref("f", 3)).toBe("/api/files/f/content?version=3");
    expect(zipHref({ instrument: ["a", "b"] })).toBe("/api/files.zip?instrument=a&instrument=b");
  });
});
