import { fireEvent, screen } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";
import * as accounts from "@/api/generated/accounts/accounts";
import * as api from "@/api/generated/storage/storage";
import type { StorageRead } from "@/api/models";
import { Problem } from "@/api/problem";
import {
  addressOf,
  EMPTY_PLACE,
  isElsewhere,
  placeBody,
  placeChanges,
  placeValuesOf,
} from "@/pages/storage/place";
import { StorageForm } from "@/pages/storage/StorageForm";
import { show } from "./show";

const S3 = {
  id: "s",
  name: "Archive",
  kind: "s3",
  path: "lab/raw",
  host: null,
  port: null,
  url: "http://store:9000/",
  host_key: null,
  service_account_id: "a",
  options: { region: "eu", proof: "read_back" },
  zone: "main",
  case_insensitive: false,
  keep_free_bytes: 5_000_000_001,
  quota_bytes: null,
  revision: 3,
  health: {},
} as unknown as StorageRead;

describe("a storage location", () => {
  it("is sent with the fields of its kind only", () => {
    const typed = { ...EMPTY_PLACE, host: "nas", url: "http://x", options: { domain: "LAB" } };
    const posix = placeBody({ ...typed, name: " a ", path: "/srv/a" });
    expect(posix).toMatchObject({ name: "a", host: null, url: null, options: {} });
    const cifs = placeBody({ ...typed, kind: "cifs", path: "share/a", quota_bytes: 1.5 });
    expect(cifs).toMatchObject({
      host: "nas",
      url: null,
      options: { domain: "LAB" },
      case_insensitive: true,
      quota_bytes: 1_500_000_000,
    });
  });

  it("behind an rsync daemon has host, port, and module with folder", () => {
    const typed = { ...EMPTY_PLACE, kind: "rsync" as const, host: "nas", port: 8730, url: "x" };
    const sent = placeBody({ ...typed, path: "data/raw", service_account_id: "a" });
    expect(sent).toMatchObject({
      kind: "rsync",
      host: "nas",
      port: 8730,
      path: "data/raw",
      url: null,
      host_key: null,
      service_account_id: "a",
      options: {},
    });
    const read = { kind: "rsync", path: "data/raw", host: "nas", port: 8730, url: null };
    expect(addressOf(read)).toBe("rsync://nas:8730/data/raw");
  });

  it("is changed by what was changed", () => {
    const base = placeValuesOf(S3);
    const same = { ...base, options: { proof: "read_back", region: "eu" } };
    expect(placeChanges(base, same)).toEqual({});
    const renamed = placeChanges(base, { ...base, name: "B", quota_bytes: 2 });
    expect(renamed).toEqual({ name: "B", quota_bytes: 2e9 });
    expect(isElsewhere(renamed)).toBe(false);
    expect(isElsewhere(placeChanges(base, { ...base, url: "http://y" }))).toBe(true);
  });

  it("is told on one line", () => {
    expect(addressOf(S3)).toBe("http://store:9000/lab/raw");
    expect(addressOf({ ...S3, url: null })).toBe("s3://lab/raw");
    expect(addressOf({ ...S3, kind: "cifs", host: "nas" })).toBe("//nas/lab/raw");
    expect(addressOf({ ...S3, kind: "posix", path: "/srv" })).toBe("/srv");
  });
});

describe("the form of a storage location", () => {
  it("asks for just what the kind needs", async () => {
    show(<StorageForm storage={null} onClose={() => {}} />);
    expect(await screen.findByRole("textbox", { name: "Path" })).toBeTruthy();
    expect(screen.queryByLabelText(/Service account/)).toBeNull();
    fireEvent.click(screen.getByRole("radio", { name: "SFTP" }));
    expect(await screen.findByRole("textbox", { name: "Host key" })).toBeTruthy();
    expect(screen.queryByRole("textbox", { name: "Path" })).toBeNull();
    expect(screen.getByLabelText("Keep free")).toBeTruthy();
    fireEvent.click(screen.getByRole("radio", { name: "S3" }));
    expect(await screen.findByRole("textbox", { name: "Bucket and prefix" })).toBeTruthy();
    expect(screen.queryByLabelText("Keep free")).toBeNull(); // S3 tells nobody what is free
  });

  it("asks for the secret again, saves, and tests what was saved", async () => {
    const account = { id: "a", name: "acc", username: "u", secret_kind: "password" };
    vi.spyOn(accounts, "listAccounts").mockResolvedValue({
      items: [account],
      next_cursor: null,
    } as never);
    const wanted = new Problem({
      code: "secret_required",
      errors: [{ pointer: "/secret", detail: "nobody confirmed this address" }],
    } as never);
    const change = vi.spyOn(api, "changeStorage").mockRejectedValueOnce(wanted);
    change.mockResolvedValueOnce({ ...S3, url: "http://y" });
    vi.spyOn(api, "checkStorage").mockResolvedValue({
      ok: true,
      steps: ["sentinel", "write", "read_back:server_cache"],
      entries: [],
    } as never);
    vi.spyOn(api, "getStorage").mockResolvedValue({
      ...S3,
      health: { overwriting: "exclusive_writer_only", durable: true },
    });
    show(<StorageForm storage={S3} onClose={() => {}} />);
    fireEvent.change(await screen.findByRole("textbox", { name: "Address" }), {
      target: { value: "http://y" },
    });
    fireEvent.click(screen.getByRole("button", { name: "Save" }));
    fireEvent.change(await screen.findByLabelText("Its secret again"), {
      target: { value: "typed" },
    });
    fireEvent.click(screen.getByRole("button", { name: "Save" }));
    expect(await screen.findByText("Read back from the server's cache")).toBeTruthy();
    expect(await screen.findByText(/^Exclusive writer only/)).toBeTruthy();
    expect(change.mock.lastCall?.[1]).toEqual({ url: "http://y", secret: "typed" });
  });
});
