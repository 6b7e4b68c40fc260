import { keepPreviousData, QueryClient } from "@tanstack/react-query";
import { Problem } from "./problem";

const RETRIES = 2;

/** One rule for the whole page: what may pass by itself is asked again, nothing else. */
function shouldRetry(failures: number, error: Error): boolean {
  return failures < RETRIES && error instanceof Problem && error.isTransient;
}

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: shouldRetry,
        retryDelay: (failures) => Math.min(1000 * 2 ** failures, 8000),
        // Live events say what is stale; this is the net below them.
        staleTime: 30_000,
        refetchOnWindowFocus: true,
        placeholderData: keepPreviousData,
      },
      mutations: { retry: false },
    },
  });
}

declare module "@tanstack/react-query" {
  interface Register {
    defaultError: Problem;
  }
}
