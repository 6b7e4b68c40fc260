import { createContext, type ReactNode, useCallback, useContext, useMemo, useState } from "react";
import type { CheckRead, FolderRead, PreviewRead } from "@/api/models";
import { useDraft } from "./draft";

interface Wizard extends ReturnType<typeof useDraft> {
  /** Typed, never kept: it lives as long as this page. */
  secret: string;
  setSecret: (secret: string) => void;
  /** What was learnt from the source so far. */
  known: Known;
  learn: (part: Partial<Known>) => void;
  /** Counts the drafts that were thrown away: forms begin anew with each. */
  generation: number;
}

interface Known {
  check: CheckRead | null;
  folder: FolderRead | null;
  preview: PreviewRead | null;
}

const NOTHING: Known = { check: null, folder: null, preview: null };
const Context = createContext<Wizard | null>(null);

export function useWizard(): Wizard {
  const wizard = useContext(Context);
  if (wizard === null) throw new Error("useWizard is for the steps of the wizard.");
  return wizard;
}

export function WizardProvider({ children }: { children: ReactNode }) {
  const { draft, change, discard } = useDraft();
  const [secret, setSecret] = useState("");
  const [known, setKnown] = useState(NOTHING);
  const [generation, setGeneration] = useState(0);
  const learn = useCallback((part: Partial<Known>) => setKnown((old) => ({ ...old, ...part })), []);
  const startOver = useCallback(() => {
    discard();
    setSecret("");
    setKnown(NOTHING);
    setGeneration((count) => count + 1);
  }, [discard]);
  const wizard = useMemo<Wizard>(
    () => ({
      draft,
      change,
      secret,
      setSecret,
      known,
      learn,
      generation,
      discard: startOver,
    }),
    [draft, change, startOver, secret, known, learn, generation],
  );
  return <Context.Provider value={wizard}>{children}</Context.Provider>;
}
