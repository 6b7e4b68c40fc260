import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { useChange } from "./changes";
import * as api from "./generated/transfers/transfers";
import { listOptions } from "./lists";
import type {
  CountTransfersParams,
  ListCausesParams,
  ListTransfersParams,
  RetryMany,
} from "./models";

export type TransferFilters = Omit<ListTransfersParams, "limit" | "cursor">;

export const transferKeys = {
  all: ["transfers"] as const,
  one: (id: string) => ["transfers", id] as const,
};

export const transfersQuery = (filters: TransferFilters = {}) =>
  listOptions(transferKeys.all, filters, api.listTransfers);

/** Counts of a list's filters, by state; exact to 10,000. */
export const transferCountsQuery = (filters: CountTransfersParams) =>
  queryOptions({
    queryKey: [...transferKeys.all, "counts", filters],
    queryFn: () => api.countTransfers(filters),
    placeholderData: keepPreviousData,
  });

export const transferQuery = (id: string) =>
  queryOptions({ queryKey: transferKeys.one(id), queryFn: () => api.getTransfer(id) });

export const useRetryTransfer = () =>
  useChange((id: string) => api.retryTransfer(id), transferKeys.all, ["files"], ["overview"]);

export const useRetryTransfers = () =>
  useChange(
    (filter: RetryMany) => api.retryTransfers(filter),
    transferKeys.all,
    ["files"],
    ["overview"],
  );

/** Failures and waiting retries by cause, the most frequent first. */
export const causesQuery = (filters: ListCausesParams = {}) =>
  queryOptions({
    queryKey: [...transferKeys.all, "causes", filters],
    queryFn: () => api.listCauses(filters),
  });
