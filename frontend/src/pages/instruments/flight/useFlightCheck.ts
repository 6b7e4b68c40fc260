import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { flightQuery, lastFlightQuery, useStartFlight } from "@/api/instruments";
import type { FlightRead } from "@/api/models";

export const isUnderWay = (flight: FlightRead | null | undefined): boolean =>
  flight?.state === "waiting" || flight?.state === "flying";

/** The instrument's last flight check, and a press that starts one; followed while it flies. */
export function useFlightCheck(instrumentId: string) {
  const start = useStartFlight();
  const [startedId, setStartedId] = useState<string | null>(null);
  const last = useQuery({ ...lastFlightQuery(instrumentId), enabled: startedId === null });
  const id = startedId ?? last.data?.flight?.id ?? null;
  const followed = useQuery({ ...flightQuery(instrumentId, id ?? ""), enabled: id !== null });
  const flight = followed.data ?? start.data ?? last.data?.flight ?? null;
  return {
    flight,
    isLoading: startedId === null && last.isPending,
    error: start.error ?? last.error ?? followed.error,
    isStarting: start.isPending,
    begin: () => start.mutateAsync(instrumentId).then((begun) => setStartedId(begun.id)),
  };
}
