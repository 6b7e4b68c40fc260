import {
  IconAlertTriangle,
  IconCircleCheck,
  IconHandStop,
  IconMoonStars,
  IconPlayerPause,
  IconTransfer,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { StreamRead } from "@/api/models";
import { formatRelative } from "@/components/format";
import { Hint } from "@/components/Hint";
import { useNow } from "@/contexts/clock";

type State = "paused" | "listing_held" | "error" | "silent" | "moving" | "idle";

const LOOKS = {
  paused: { icon: IconPlayerPause, color: "gray" },
  listing_held: { icon: IconHandStop, color: "red" },
  error: { icon: IconAlertTriangle, color: "orange" },
  silent: { icon: IconMoonStars, color: "orange" },
  moving: { icon: IconTransfer, color: "blue" },
  idle: { icon: IconCircleCheck, color: "green" },
} as const;

function stateOf(stream: StreamRead): State {
  if (stream.paused) return "paused";
  if (stream.listing_held_at) return "listing_held";
  if (stream.scan_error_code) return "error";
  if (stream.silent_since) return "silent";
  return stream.counts.moving.count > 0 ? "moving" : "idle";
}

/** How a stream is, in one sign; in words on hover and for those who hear it. */
export function StreamDot({ stream }: { stream: StreamRead }) {
  const { t } = useTranslation();
  const now = useNow();
  const state = stateOf(stream);
  const { icon: Icon, color } = LOOKS[state];
  const silence = stream.silent_since
    ? formatRelative((Date.parse(stream.silent_since) - now) / 1000)
    : "";
  const label =
    state === "silent"
      ? `${t("overview.rhythm.silent")} ${silence}`
      : state === "moving"
        ? t("overview.columns.moving")
        : state === "error"
          ? (stream.scan_error_code ?? "")
          : t(`instruments.state.${state}`);
  return (
    <Hint label={label}>
      <Icon
        size={18}
        style={{ flex: "none" }}
        color={`light-dark(var(--mantine-color-${color}-8), var(--mantine-color-${color}-5))`}
        aria-label={label}
      />
    </Hint>
  );
}
