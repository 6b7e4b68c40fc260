import { queryOptions } from "@tanstack/react-query";
import { useChange } from "./changes";
import { tagOf } from "./client";
import * as api from "./generated/hooks/hooks";
import { listOptions } from "./lists";
import type {
  HookCreate,
  HookDraft,
  HookPatch,
  HookRead,
  HookReplay,
  ListHookRunsParams,
  ReplayHooksParams,
} from "./models";

export const hookKeys = { all: ["hooks"] as const };

export const hooksQuery = () => listOptions(hookKeys.all, {}, api.listHooks, 200);

/** The kinds of hooks of this installation; a script that was saved is there at the next look. */
export const hookTypesQuery = () =>
  queryOptions({ queryKey: [...hookKeys.all, "types"], queryFn: () => api.listHookTypes() });

export const useCreateHook = () =>
  useChange((body: HookCreate) => api.createHook(body), hookKeys.all);

export const useChangeHook = (read: HookRead) =>
  useChange(
    (patch: HookPatch) => api.changeHook(read.id, patch, { "if-match": tagOf(read) }),
    hookKeys.all,
  );

export const useDeleteHook = (read: HookRead) =>
  useChange(() => api.deleteHook(read.id, { "if-match": tagOf(read) }), hookKeys.all);

/** What a draft would have done; nothing is written, so nothing becomes stale. */
export const useTryHook = () => useChange((draft: HookDraft) => api.testHook(draft));

export type HookRunFilters = Omit<ListHookRunsParams, "limit" | "cursor">;

/** What hooks said, the newest first. */
export const hookRunsQuery = (filters: HookRunFilters) =>
  listOptions([...hookKeys.all, "runs"], filters, api.listHookRuns);

interface ReplayInput {
  body: HookReplay;
  where: ReplayHooksParams;
}

/** Ask hooks again; a dry run says what would change. */
export const useReplayHooks = () =>
  useChange(
    ({ body, where }: ReplayInput) => api.replayHooks(body, where),
    [...hookKeys.all, "runs"],
  );
