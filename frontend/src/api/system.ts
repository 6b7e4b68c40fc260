import { queryOptions } from "@tanstack/react-query";
import * as api from "./generated/system/system";

export const systemKeys = { all: ["system"] as const, health: ["health"] as const };

export const systemQuery = () =>
  queryOptions({
    queryKey: systemKeys.all,
    queryFn: () => api.getSystem(),
    refetchInterval: 15_000,
  });

export const healthQuery = () =>
  queryOptions({ queryKey: systemKeys.health, queryFn: () => api.getHealth() });
