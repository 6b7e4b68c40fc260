import { queryOptions } from "@tanstack/react-query";
import * as api from "./generated/overview/overview";

export const overviewQuery = () =>
  queryOptions({
    queryKey: ["overview"] as const,
    queryFn: () => api.getOverview(),
    refetchInterval: 60_000, // silence, fill and forecasts change without an event
  });
