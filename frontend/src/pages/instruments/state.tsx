import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconHandStop,
  IconPlayerPause,
  IconRadar2,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { InstrumentRead } from "@/api/models";
import { Hint } from "@/components/Hint";
import { Pill } from "@/components/Pill";

const LOOKS = {
  paused: { icon: IconPlayerPause, color: "gray" },
  listing_held: { icon: IconHandStop, color: "red" },
  error: { icon: IconAlertTriangle, color: "orange" },
  never: { icon: IconCircleDashed, color: "gray" },
  scanning: { icon: IconRadar2, color: "blue", moving: true },
  idle: { icon: IconCircleCheck, color: "green" },
} as const;
export type InstrumentState = keyof typeof LOOKS;

/** What an instrument is doing, the worst first. */
export function stateOf(instrument: InstrumentRead): InstrumentState {
  const { scan } = instrument;
  if (instrument.paused) return "paused";
  if (scan?.listing_held_at) return "listing_held";
  if (scan?.error_code) return "error";
  if (!scan?.last_scan_at) return "never";
  const isScanning = scan.scan_started_at !== null && scan.scan_started_at > scan.last_scan_at;
  return isScanning ? "scanning" : "idle";
}

/** The state of an instrument; its cause on hover. */
export function InstrumentStateBadge({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const state = stateOf(instrument);
  const hint =
    state === "error"
      ? (instrument.scan?.error_detail ?? "")
      : state === "listing_held"
        ? t("instruments.listing_held.text")
        : t(`instruments.state_hint.${state}`);
  return (
    <Hint label={hint} multiline maw={340} disabled={!hint}>
      <Pill {...LOOKS[state]}>{t(`instruments.state.${state}`)}</Pill>
    </Hint>
  );
}
