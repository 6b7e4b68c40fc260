import { queryOptions } from "@tanstack/react-query";
import { useChange } from "./changes";
import { tagOf } from "./client";
import * as api from "./generated/schedules/schedules";
import { listOptions } from "./lists";
import type {
  ListSchedulesParams,
  ScheduleCreate,
  SchedulePatch,
  SchedulePreview,
  ScheduleRead,
} from "./models";

export type ScheduleFilters = Omit<ListSchedulesParams, "limit" | "cursor">;

export const scheduleKeys = { all: ["schedules"] as const };

export const schedulesQuery = (filters: ScheduleFilters = {}) =>
  listOptions(scheduleKeys.all, filters, api.listSchedules, 500);

export const useCreateSchedule = () =>
  useChange((body: ScheduleCreate) => api.createSchedule(body), scheduleKeys.all);

export const useChangeSchedule = (read: ScheduleRead) =>
  useChange(
    (patch: SchedulePatch) => api.changeSchedule(read.id, patch, { "if-match": tagOf(read) }),
    scheduleKeys.all,
  );

export const useDeleteSchedule = (read: ScheduleRead) =>
  useChange(() => api.deleteSchedule(read.id, { "if-match": tagOf(read) }), scheduleKeys.all);

/** The next five times of a schedule that is not saved yet. */
export const scheduleTimesQuery = (body: SchedulePreview) =>
  queryOptions({
    queryKey: [...scheduleKeys.all, "times", body],
    queryFn: () => api.previewSchedule(body),
  });
