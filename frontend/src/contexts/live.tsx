import { type Query, type QueryKey, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { connectLive, type LiveState } from "@/api/live";
import { sessionKeys } from "@/api/session";

interface Live {
  state: LiveState;
  /** When the last word from the server came, in milliseconds since 1970. */
  heardAt: number | null;
}

const Connection = createContext<Live>({ state: "connecting", heardAt: null });

export function useLive(): Live {
  return useContext(Connection);
}

const GATHER_MILLISECONDS = 250;
const MOST_PAGES_RENEWED = 3;

/** A list that was scrolled far is not fetched anew from its start at each event. */
function isShort(query: Query): boolean {
  const pages = (query.state.data as { pages?: unknown[] } | undefined)?.pages;
  return pages === undefined || pages.length <= MOST_PAGES_RENEWED;
}

/** Keeps the page true: each live event makes what it touches stale, a few times a second at most. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [live, setLive] = useState<Live>({ state: "connecting", heardAt: null });
  useEffect(() => {
    const waiting = new Map<string, QueryKey>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isBusy = false;
    const schedule = () => {
      if (!isBusy) timer ??= setTimeout(flush, GATHER_MILLISECONDS);
    };
    // What comes while answers are on their way waits for them: they may be from before it.
    const flush = async () => {
      const keys = [...waiting.values()];
      waiting.clear();
      timer = undefined;
      isBusy = true;
      await Promise.all(
        keys.map((queryKey) => client.invalidateQueries({ queryKey, predicate: isShort })),
      );
      isBusy = false;
      if (waiting.size > 0) schedule();
    };
    const stop = connectLive({
      onState: (state) => setLive((old) => ({ ...old, state })),
      onHeard: () => setLive((old) => ({ ...old, heardAt: Date.now() })),
      onStale: (keys) => {
        for (const key of keys) waiting.set(JSON.stringify(key), key);
        schedule();
      },
      onResync: () => void client.invalidateQueries(),
      // Asking who is signed in is refused now, and the session context shows its form.
      onSignedOut: () => void client.invalidateQueries({ queryKey: sessionKeys.me }),
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [client]);
  return <Connection.Provider value={live}>{children}</Connection.Provider>;
}
