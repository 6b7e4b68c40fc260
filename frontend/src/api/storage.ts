import { queryOptions } from "@tanstack/react-query";
import { useChange } from "./changes";
import { tagOf } from "./client";
import * as api from "./generated/storage/storage";
import { listOptions } from "./lists";
import type { ListStorageParams, StorageCreate, StoragePatch, StorageRead } from "./models";

/** A worker tests the place: the server gives up after 45 s itself. */
const PATIENT = { timeout: 60_000 };

export const storageKeys = {
  all: ["storage"] as const,
  one: (id: string) => ["storage", id] as const,
};

export type StorageFilters = Omit<ListStorageParams, "limit" | "cursor">;

export const storageQuery = (filters: StorageFilters = {}) =>
  listOptions(storageKeys.all, filters, api.listStorage, 500);

export const storageOneQuery = (id: string) =>
  queryOptions({ queryKey: storageKeys.one(id), queryFn: () => api.getStorage(id) });

export const useCreateStorage = () =>
  useChange((body: StorageCreate) => api.createStorage(body), storageKeys.all);

export const useChangeStorage = (read: StorageRead) =>
  useChange(
    (patch: StoragePatch) => api.changeStorage(read.id, patch, { "if-match": tagOf(read) }),
    storageKeys.all,
  );

export const useDeleteStorage = (read: StorageRead) =>
  useChange(() => api.deleteStorage(read.id, { "if-match": tagOf(read) }), storageKeys.all);

/** Asked again by itself: copies that are made elsewhere are no event of this location. */
export const emptyingQuery = (id: string) =>
  queryOptions({
    queryKey: [...storageKeys.one(id), "emptying"],
    queryFn: () => api.getStorageEmptying(id),
    refetchInterval: 5_000,
  });

export const useDrainStorage = (read: StorageRead) =>
  useChange(
    (to: string) => api.drainStorage(read.id, { to }, { "if-match": tagOf(read) }),
    storageKeys.all,
    ["instruments"],
  );

export const useRetireStorage = (read: StorageRead) =>
  useChange(
    (reason: string) => api.retireStorage(read.id, { reason }, { "if-match": tagOf(read) }),
    storageKeys.all,
    ["files"],
  );

export const useCheckStorage = () =>
  useChange((id: string) => api.checkStorage(id, PATIENT), storageKeys.all);
