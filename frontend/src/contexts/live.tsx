import { type QueryKey, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { connectLive, type LiveState } from "@/api/live";
import { isCheap } from "@/api/queryClient";
import { sessionKeys } from "@/api/session";
import { useSignIns } from "./session";

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
const LONGEST_GATHER_MILLISECONDS = 3_000;
/** A busy lab has news all the time: the page asks for a third of the time at most. */
const PAUSE_TIMES_ANSWER = 2;

/** How long to gather news after answers that took so long. */
export function gatherFor(answerMilliseconds: number): number {
  const pause = answerMilliseconds * PAUSE_TIMES_ANSWER;
  return Math.min(Math.max(pause, GATHER_MILLISECONDS), LONGEST_GATHER_MILLISECONDS);
}

/** Keeps the page true: each live event makes what it touches stale, a few times a second at most. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const signIns = useSignIns();
  const [live, setLive] = useState<Live>({ state: "connecting", heardAt: null });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new session connects anew
  useEffect(() => {
    const waiting = new Map<string, QueryKey>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isBusy = false;
    let pause = GATHER_MILLISECONDS;
    const schedule = () => {
      if (!isBusy) timer ??= setTimeout(flush, pause);
    };
    // What comes while answers are on their way waits for them: they may be from before it.
    const flush = async () => {
      const keys = [...waiting.values()];
      waiting.clear();
      timer = undefined;
      isBusy = true;
      const began = performance.now();
      await Promise.all(
        keys.map((queryKey) => client.invalidateQueries({ queryKey, predicate: isCheap })),
      );
      isBusy = false;
      pause = gatherFor(performance.now() - began);
      if (waiting.size > 0) schedule();
    };
    const stop = connectLive({
      onState: (state) => setLive((old) => ({ ...old, state })),
      onHeard: () => setLive((old) => ({ ...old, heardAt: Date.now() })),
      onStale: (keys) => {
        for (const key of keys) waiting.set(JSON.stringify(key), key);
        schedule();
      },
      onResync: () => void client.invalidateQueries({ predicate: isCheap }),
      // Asking who is signed in is refused now, and the session context shows its form.
      onSignedOut: () => void client.invalidateQueries({ queryKey: sessionKeys.me }),
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
    // Who signs in again is not kept waiting for the next try.
  }, [client, signIns]);
  return <Connection.Provider value={live}>{children}</Connection.Provider>;
}
