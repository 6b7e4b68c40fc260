import { type Query, QueryClient } from "@tanstack/react-query";
import { Problem } from "./problem";

const RETRIES = 2;
const MOST_PAGES_RENEWED = 3;

/** A list that was scrolled far is not fetched anew from its start, page after page. */
export function isCheap(query: Query): boolean {
  const pages = (query.state.data as { pages?: unknown[] } | undefined)?.pages;
  return pages === undefined || pages.length <= MOST_PAGES_RENEWED;
}

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
        refetchOnWindowFocus: (query) => isCheap(query as Query),
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
