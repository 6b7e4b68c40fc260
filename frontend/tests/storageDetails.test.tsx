import { fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, it, vi } from "vitest";
import * as api from "@/api/generated/storage/storage";
import type { StorageRead } from "@/api/models";
import { ClockProvider } from "@/contexts/clock";
import { StorageDetails } from "@/pages/storage/StorageDetails";
import { show } from "./show";

const place = (change: Partial<StorageRead>) =>
  ({
    id: "s",
    name: "Old",
    kind: "posix",
    state: "active",
    path: "/srv/old",
    host: null,
    port: null,
    url: null,
    zone: "main",
    keep_free_bytes: 0,
    quota_bytes: null,
    paused_until: null,
    error_code: null,
    health: {},
    revision: 3,
    ...change,
  }) as StorageRead;

function look(storage: StorageRead) {
  vi.spyOn(api, "getStorage").mockResolvedValue(storage);
  show(
    <ClockProvider>
      <StorageDetails id="s" onClose={() => {}} />
    </ClockProvider>,
  );
}

beforeEach(() => {
  vi.restoreAllMocks();
  const other = place({ id: "n", name: "New" });
  const page = { items: [place({}), other], next_cursor: null };
  vi.spyOn(api, "listStorage").mockResolvedValue(page);
});

describe("the details of a storage location", () => {
  it("tell its trouble with cause and remedy, and who may write there", async () => {
    look(
      place({
        error_code: "storage_full",
        cause: "It is full.",
        remedy: "Make room.",
        health: { overwriting: "exclusive_writer_only", free_bytes: 2e9, total_bytes: 4e9 },
      }),
    );
    expect(await screen.findByText("Make room.")).toBeTruthy();
    expect(screen.getByText("storage_full")).toBeTruthy();
    expect(screen.getByText(/nobody else may write/)).toBeTruthy();
    expect(screen.getByText("2 GB of 4 GB free")).toBeTruthy();
  });

  it("drain it to another one, once that is chosen", async () => {
    const drain = vi.spyOn(api, "drainStorage").mockResolvedValue(place({ state: "draining" }));
    look(place({}));
    fireEvent.click(await screen.findByRole("button", { name: "Drain" }));
    const confirm = await screen.findByRole("button", { name: "Drain this storage" });
    expect((confirm as HTMLButtonElement).disabled).toBe(true);
    fireEvent.click(screen.getByRole("combobox", { name: /Copy everything to/ }));
    fireEvent.click(await screen.findByRole("option", { name: "New", hidden: true }));
    fireEvent.click(confirm);
    await waitFor(() => expect(drain.mock.lastCall?.slice(0, 2)).toEqual(["s", { to: "n" }]));
  });

  it("retire it with a reason, not before everything is proven elsewhere", async () => {
    const counts = { proven_here: 4, only_here: 1, waiting_elsewhere: 1 };
    const emptying = vi.spyOn(api, "getStorageEmptying").mockResolvedValue(counts);
    look(place({ state: "draining" }));
    const button = await screen.findByRole("button", { name: "Retire" });
    expect((button as HTMLButtonElement).disabled).toBe(true);
    expect(emptying).toHaveBeenCalledWith("s");
  });

  it("send the reason of the end", async () => {
    const counts = { proven_here: 4, only_here: 0, waiting_elsewhere: 0 };
    vi.spyOn(api, "getStorageEmptying").mockResolvedValue(counts);
    const retire = vi.spyOn(api, "retireStorage").mockResolvedValue(place({ state: "retired" }));
    look(place({ state: "draining" }));
    fireEvent.click(await screen.findByRole("button", { name: "Retire" }));
    fireEvent.change(await screen.findByRole("textbox", { name: "Reason" }), {
      target: { value: "replaced" },
    });
    fireEvent.click(screen.getByRole("button", { name: "Retire this storage" }));
    await waitFor(() => expect(retire.mock.lastCall?.[1]).toEqual({ reason: "replaced" }));
  });
});
