import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { fileCountsQuery } from "@/api/files";
import {
  flightQuery,
  progressQuery,
  useCheckInstrument,
  useCreateInstrument,
  useHarvestNow,
  useStartFlight,
} from "@/api/instruments";
import type { CheckRead, FlightRead } from "@/api/models";
import { useCreateSchedule } from "@/api/schedules";
import { isUnderWay } from "@/pages/instruments/flight/useFlightCheck";
import { scheduleBody } from "@/pages/schedules/ScheduleFields";
import { startFrom } from "./CompleteStep";
import { sourceOf } from "./draft";
import { useWizard } from "./wizard";

export const STATIONS = [
  "saved",
  "connection",
  "flight",
  "schedule",
  "harvest",
  "scan",
  "file",
] as const;
export type Station = (typeof STATIONS)[number];

export interface Flight {
  /** Seconds that each station took, once it is reached. */
  reached: Partial<Record<Station, number>>;
  instrumentId: string | null;
  /** What stopped the flight. */
  error: unknown;
  check: CheckRead | null;
  /** The smallest complete file on its whole way, before anything is live. */
  trial: FlightRead | null;
  /** What stopped the scan. */
  trouble: string | null;
  troubleDetail: string | null;
  filesFound: number;
}

const POLL_MILLISECONDS = 1_000;

/** A new instrument may have no complete file yet: that keeps nobody from going live. */
export const mayGoLive = (trial: FlightRead): boolean =>
  trial.stations.every((one) => one.ok || one.code === "flight_no_file");

/**
 * Saves, tests and starts, station after station. What one station saved stays saved when a later
 * one fails: the instrument's page shows it, and its own buttons go on from there.
 */
export function useFlight(): Flight {
  const steps = useSteps();
  const [reached, setReached] = useState<Flight["reached"]>({});
  const [instrumentId, setInstrumentId] = useState<string | null>(null);
  const [check, setCheck] = useState<CheckRead | null>(null);
  const [trial, setTrial] = useState<FlightRead | null>(null);
  const [error, setError] = useState<unknown>(null);
  const began = useRef(Date.now());
  const reach = (station: Station) =>
    setReached((old) =>
      old[station] === undefined ? { ...old, [station]: (Date.now() - began.current) / 1000 } : old,
    );
  const hasStarted = useRef(false);
  useEffect(() => {
    if (hasStarted.current) return; // an effect may run twice; the flight may not
    hasStarted.current = true;
    const fly = async () => {
      const id = await steps.save();
      setInstrumentId(id);
      reach("saved");
      const found = await steps.check(id);
      setCheck(found);
      if (!found.ok) return;
      reach("connection");
      const flown = await steps.fly(id, setTrial);
      if (flown.state === "lost" || !mayGoLive(flown)) return;
      reach("flight");
      await steps.schedule(id);
      reach("schedule");
      await steps.harvest(id);
      reach("harvest");
    };
    fly().catch(setError);
  });
  const isAloft = instrumentId !== null && reached.harvest !== undefined;
  const { data: progress } = useQuery({
    ...progressQuery(instrumentId ?? ""),
    enabled: isAloft,
    refetchInterval: reached.file === undefined ? POLL_MILLISECONDS : false,
  });
  const { data: counts } = useQuery({
    ...fileCountsQuery({ instrument: [instrumentId ?? ""] }),
    enabled: isAloft,
    placeholderData: undefined,
  });
  const isScanned = progress?.scan.last_scan_at != null;
  const isProven = (progress?.available.files ?? 0) > 0;
  useEffect(() => {
    if (isScanned) reach("scan");
    if (isProven) reach("file");
  });
  return {
    reached,
    instrumentId,
    error,
    check,
    trial,
    trouble: progress?.scan.error_code ?? null,
    troubleDetail: progress?.scan.error_detail ?? null,
    filesFound: counts?.total.count ?? 0,
  };
}

/** The five things that the flight does, with the draft's values. */
function useSteps() {
  const { draft, secret } = useWizard();
  const create = useCreateInstrument();
  const schedule = useCreateSchedule();
  const check = useCheckInstrument();
  const harvest = useHarvestNow();
  const start = useStartFlight();
  const client = useQueryClient();
  return {
    save: async () => {
      const instrument = await create.mutateAsync({
        ...sourceOf(draft, draft.account_id, secret),
        name: draft.name.trim(),
        slug: draft.slug,
        quiet_seconds: draft.quiet_seconds,
        start_from: startFrom(draft),
        storage: draft.storage.map((id) => ({
          storage_location_id: id,
          required: draft.rules[id]?.required ?? true,
          template: draft.rules[id]?.template || null,
        })),
      });
      return instrument.id;
    },
    schedule: (id: string) =>
      schedule.mutateAsync({
        instrument_id: id,
        kind: draft.schedule.kind,
        ...scheduleBody(draft.schedule),
      }),
    fly: async (id: string, tell: (flight: FlightRead) => void) => {
      let flight = await start.mutateAsync(id);
      while (isUnderWay(flight)) {
        tell(flight);
        await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS / 2));
        flight = await client.fetchQuery({ ...flightQuery(id, flight.id), staleTime: 0 });
      }
      tell(flight);
      return flight;
    },
    check: (id: string) => check.mutateAsync(id),
    harvest: (id: string) => harvest.mutateAsync(id),
  };
}
