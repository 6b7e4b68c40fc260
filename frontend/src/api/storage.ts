import { useChange } from "./changes";
import { tagOf } from "./client";
import * as api from "./generated/storage/storage";
import { listOptions } from "./lists";
import type { ListStorageParams, StorageCreate, StoragePatch, StorageRead } from "./models";

/** A worker tests the place: the server gives up after 45 s itself. */
const PATIENT = { timeout: 60_000 };

export const storageKeys = { all: ["storage"] as const };

export type StorageFilters = Omit<ListStorageParams, "limit" | "cursor">;

export const storageQuery = (filters: StorageFilters = {}) =>
  listOptions(storageKeys.all, filters, api.listStorage, 500);

export const useCreateStorage = () =>
  useChange((body: StorageCreate) => api.createStorage(body), storageKeys.all);

export const useChangeStorage = (read: StorageRead) =>
  useChange(
    (patch: StoragePatch) => api.changeStorage(read.id, patch, { "if-match": tagOf(read) }),
    storageKeys.all,
  );

export const useDeleteStorage = (read: StorageRead) =>
  useChange(() => api.deleteStorage(read.id, { "if-match": tagOf(read) }), storageKeys.all);

export const useCheckStorage = () =>
  useChange((id: string) => api.checkStorage(id, PATIENT), storageKeys.all);
