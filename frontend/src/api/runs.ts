import { queryOptions } from "@tanstack/react-query";
import { useChange } from "./changes";
import * as api from "./generated/runs/runs";
import { listOptions } from "./lists";
import type { ListRunsParams } from "./models";

export type RunFilters = Omit<ListRunsParams, "limit" | "cursor">;

export const runKeys = {
  all: ["runs"] as const,
  one: (id: string) => ["runs", id] as const,
};

export const runsQuery = (filters: RunFilters = {}) =>
  listOptions(runKeys.all, filters, api.listRuns);

export const runQuery = (id: string) =>
  queryOptions({ queryKey: runKeys.one(id), queryFn: () => api.getRun(id) });

const LAST_RUNS = 5;

/** The newest runs of one instrument. */
export const lastRunsQuery = (instrument: string) =>
  queryOptions({
    queryKey: [...runKeys.all, "last", instrument],
    queryFn: () => api.listRuns({ instrument, limit: LAST_RUNS }),
  });

export const useCancelRun = () => useChange((id: string) => api.cancelRun(id), runKeys.all);
