import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { useChange } from "./changes";
import { tagOf } from "./client";
import * as api from "./generated/instruments/instruments";
import { listOptions } from "./lists";
import type {
  InstrumentCreate,
  InstrumentPatch,
  InstrumentRead,
  ListInstrumentsParams,
  SourceBrowse,
  SourceDraft,
  SourcePreview,
} from "./models";

export type InstrumentFilters = Omit<ListInstrumentsParams, "limit" | "cursor">;

/** A worker asks the instrument, which may be slow: the server gives up after 45 s itself. */
const PATIENT = { timeout: 60_000 };

export const instrumentKeys = {
  all: ["instruments"] as const,
  one: (id: string) => ["instruments", id] as const,
  progress: (id: string) => ["instruments", id, "progress"] as const,
  people: (id: string) => ["instruments", id, "people"] as const,
};

export const instrumentsQuery = (filters: InstrumentFilters = {}) =>
  listOptions(instrumentKeys.all, filters, api.listInstruments, 500);

/** Also asked while nothing is heard: a scan that found nothing new is no event. */
export const instrumentQuery = (id: string) =>
  queryOptions({
    queryKey: instrumentKeys.one(id),
    queryFn: () => api.getInstrument(id),
    refetchInterval: 10_000,
  });

export const progressQuery = (id: string) =>
  queryOptions({ queryKey: instrumentKeys.progress(id), queryFn: () => api.getProgress(id) });

/** What moves right now; also asked while nothing is heard, since rates fall by themselves. */
export const liveQuery = (id: string) =>
  queryOptions({
    queryKey: [...instrumentKeys.one(id), "live"],
    queryFn: () => api.getLive(id),
    refetchInterval: 5_000,
  });

export const peopleQuery = (id: string) =>
  queryOptions({ queryKey: instrumentKeys.people(id), queryFn: () => api.listInstrumentUsers(id) });

export const useCreateInstrument = () =>
  useChange((body: InstrumentCreate) => api.createInstrument(body), instrumentKeys.all);

export const useChangeInstrument = (read: InstrumentRead) =>
  useChange(
    (patch: InstrumentPatch) => api.changeInstrument(read.id, patch, { "if-match": tagOf(read) }),
    instrumentKeys.all,
  );

export const useDeleteInstrument = (read: InstrumentRead) =>
  useChange(() => api.deleteInstrument(read.id, { "if-match": tagOf(read) }), instrumentKeys.all);

export const useCheckDraft = () =>
  useChange((draft: SourceDraft) => api.checkDraft(draft, PATIENT));

/** One folder of a source that is not saved yet. No live event asks an instrument again. */
export const folderQuery = (body: SourceBrowse) =>
  queryOptions({
    queryKey: ["source", "browse", body],
    queryFn: () => api.browseDraft(body, PATIENT),
    staleTime: "static",
    retry: false,
  });

/** The newest files of a source that is not saved yet, judged by these rules. */
export const previewQuery = (body: SourcePreview) =>
  queryOptions({
    queryKey: ["source", "preview", body],
    queryFn: () => api.previewDraft(body, PATIENT),
    staleTime: "static",
    retry: false,
    placeholderData: keepPreviousData,
  });

export const useCheckInstrument = () => useChange((id: string) => api.checkInstrument(id, PATIENT));

/** One key a press: a press that is sent twice starts one run. */
export const useHarvestNow = () =>
  useChange(
    (id: string) => api.harvestNow(id, { "idempotency-key": crypto.randomUUID() }),
    instrumentKeys.all,
    ["runs"],
  );

export const usePauseInstrument = () =>
  useChange(
    ({ id, paused }: { id: string; paused: boolean }) =>
      paused ? api.pauseInstrument(id) : api.resumeInstrument(id),
    instrumentKeys.all,
  );

export const useConfirmListing = () =>
  useChange((id: string) => api.confirmListing(id), instrumentKeys.all);

export const useGrant = (instrumentId: string) =>
  useChange(
    (userId: string) => api.grantInstrument(instrumentId, userId),
    instrumentKeys.people(instrumentId),
  );

export const useRevoke = (instrumentId: string) =>
  useChange(
    (userId: string) => api.revokeInstrument(instrumentId, userId),
    instrumentKeys.people(instrumentId),
  );

/** What can bring files to this installation; packages come and go with a restart only. */
export const moversQuery = () =>
  queryOptions({
    queryKey: ["movers"],
    queryFn: () => api.listMovers(),
    staleTime: "static",
  });

const FLIGHT_POLL = 500;

/** A flight check; asked often while it flies: its stations are no events. */
export const flightQuery = (instrumentId: string, flightId: string) =>
  queryOptions({
    queryKey: [...instrumentKeys.one(instrumentId), "flight", flightId],
    queryFn: () => api.getFlight(instrumentId, flightId),
    refetchInterval: ({ state }) =>
      state.data?.state === "over" || state.data?.state === "lost" ? false : FLIGHT_POLL,
  });

export const lastFlightQuery = (instrumentId: string) =>
  queryOptions({
    queryKey: [...instrumentKeys.one(instrumentId), "flight"],
    queryFn: () => api.getLastFlight(instrumentId),
  });

export const useStartFlight = () => useChange((id: string) => api.startFlight(id));
