import {
  IconCircleCheck,
  IconCircleX,
  IconGhost,
  IconPlayerPlay,
  IconPlayerStop,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { RunRead } from "@/api/models";
import { Hint } from "./Hint";
import { Pill } from "./Pill";

const LOOKS = {
  live: { icon: IconPlayerPlay, color: "blue", moving: true },
  completed: { icon: IconCircleCheck, color: "green", moving: false },
  cancelled: { icon: IconPlayerStop, color: "gray", moving: false },
  failed: { icon: IconCircleX, color: "red", moving: false },
  lost: { icon: IconGhost, color: "orange", moving: false },
} as const;
type Look = keyof typeof LOOKS;

/** Whether a run lives, or how it ended. */
export function RunState({ run }: { run: Pick<RunRead, "state" | "outcome"> }) {
  const { t } = useTranslation();
  const look: Look = run.state === "live" ? "live" : ((run.outcome ?? "completed") as Look);
  const name = look === "live" ? t("runs.state.live") : t(`runs.outcome.${look}`);
  return (
    <Hint label={t(`runs.outcome_hint.${look}`)}>
      <Pill {...LOOKS[look]}>{name}</Pill>
    </Hint>
  );
}
