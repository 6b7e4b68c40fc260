import { createContext, type ReactNode, useContext, useEffect, useState } from "react";

const TICK_MILLISECONDS = 5_000;
const Now = createContext(Date.now());

/** One clock for all relative times: they change together, and only one timer runs. */
export function ClockProvider({ children }: { children: ReactNode }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), TICK_MILLISECONDS);
    return () => clearInterval(timer);
  }, []);
  return <Now.Provider value={now}>{children}</Now.Provider>;
}

/** The present, in milliseconds since 1970, renewed every few seconds. */
export function useNow(): number {
  return useContext(Now);
}
