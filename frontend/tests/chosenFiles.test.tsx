import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import * as api from "@/api/generated/files/files";
import type { ArchiveSizeRead, FileRead } from "@/api/models";
import { DataTable } from "@/components/DataTable";
import { ArchiveMenu } from "@/pages/files/Archive";
import { ChosenFiles, useChosenFiles } from "@/pages/files/ChosenFiles";
import { show } from "./show";

const FILES = ["a.raw", "b.raw", "c.raw"].map((path) => ({ id: `id-${path}`, path }) as FileRead);
const COLUMNS = [{ id: "path", header: "File", cell: (file: FileRead) => file.path }];

const sizeOf = (files: number, more: Partial<ArchiveSizeRead> = {}): ArchiveSizeRead => ({
  files,
  size_bytes: files * 1000,
  archive_bytes: files * 1100,
  left_out: 0,
  more: false,
  ...more,
});

function Files() {
  const choice = useChosenFiles();
  return (
    <DataTable
      name="test"
      label="Files"
      columns={COLUMNS}
      source={{ rows: FILES, isPending: false, error: null, refetch: () => undefined }}
      rowKey={(file) => file.id}
      empty={{ title: "Nothing" }}
      choice={choice}
      choiceBar={<ChosenFiles chosen={choice.chosen} onClear={choice.clear} />}
    />
  );
}

describe("chosen files", () => {
  beforeEach(() => {
    // Nothing has a height in jsdom, and only the rows in sight are drawn.
    vi.spyOn(Element.prototype, "clientHeight", "get").mockReturnValue(400);
    vi.spyOn(api, "measureFiles").mockImplementation((params) =>
      Promise.resolve(sizeOf((params as { id: string[] }).id.length) as never),
    );
  });

  it("are counted, measured and downloaded by their ids alone", async () => {
    show(<Files />);
    fireEvent.click(await screen.findByRole("checkbox", { name: "Select a.raw" }));
    fireEvent.click(screen.getByRole("checkbox", { name: "Select c.raw" }));
    expect(await screen.findByText("2 selected, 2 kB")).toBeTruthy();
    const link = screen.getByRole("link", { name: "Download ZIP" });
    expect(link.getAttribute("href")).toBe("/api/files.zip?id=id-a.raw&id=id-c.raw");
    fireEvent.click(screen.getByRole("checkbox", { name: "Select a.raw" }));
    expect(await screen.findByText("1 selected, 1 kB")).toBeTruthy();
  });

  it("are chosen by the space bar on their row, and let go all at once", async () => {
    show(<Files />);
    const row = (await screen.findByText("b.raw")).closest("tr") as HTMLElement;
    fireEvent.keyDown(row, { key: " " });
    const box = screen.getByRole("checkbox", { name: "Select b.raw" }) as HTMLInputElement;
    expect(box.checked).toBe(true);
    fireEvent.click(screen.getByRole("button", { name: "Clear" }));
    expect(box.checked).toBe(false);
    expect(screen.queryByText(/selected/)).toBeNull();
    expect(document.activeElement?.tagName).toBe("TR");
  });

  it("that have no proven copy are told, and nothing is offered when none has one", async () => {
    vi.spyOn(api, "measureFiles").mockResolvedValue(sizeOf(0, { left_out: 1 }) as never);
    show(<Files />);
    fireEvent.click(await screen.findByRole("checkbox", { name: "Select a.raw" }));
    expect(await screen.findByText("1 has no proven copy and is left out.")).toBeTruthy();
    expect(screen.queryByRole("link")).toBeNull();
  });
});

describe("the archive of a list", () => {
  it("is measured when it is asked for, and not before", async () => {
    const measured = vi
      .spyOn(api, "measureFiles")
      .mockReset()
      .mockResolvedValue(sizeOf(10_000, { more: true }) as never);
    show(<ArchiveMenu filters={{ q: "a" }} />);
    const button = await screen.findByRole("button", { name: "Download as ZIP" });
    expect(measured).not.toHaveBeenCalled();
    fireEvent.click(button);
    expect(await screen.findByText("At least 10,000 files, 10 MB")).toBeTruthy();
    await waitFor(() =>
      expect(
        screen.getByRole("link", { name: "Download ZIP", hidden: true }).getAttribute("href"),
      ).toBe("/api/files.zip?q=a"),
    );
  });
});
