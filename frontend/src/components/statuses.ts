import type { MantineColor } from "@mantine/core";
import {
  IconAlertTriangle,
  IconArrowsDiff,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClockPause,
  IconEyeSearch,
  IconFileOff,
  IconFileX,
  IconHandStop,
  IconHistory,
  IconHourglass,
  IconPlayerTrackNext,
  IconRefreshAlert,
  IconStack2,
  IconTransfer,
} from "@tabler/icons-react";
import type { FileStatus } from "@/api/models";

interface Appearance {
  icon: typeof IconCircleCheck;
  color: MantineColor;
  /** The icon moves while work is going on. */
  moving?: boolean;
  /** Red is kept for what needs a person. */
  needsPerson?: boolean;
  /** Left out: the word is struck through. */
  struck?: boolean;
  /** Not settled yet: a dotted outline. */
  dotted?: boolean;
}

/** How each status looks, everywhere; its name and sentence are in i18n/en/status.json. */
export const STATUSES: Record<FileStatus, Appearance> = {
  settling: { icon: IconCircleDashed, color: "yellow", dotted: true },
  queued: { icon: IconStack2, color: "gray" },
  transferring: { icon: IconTransfer, color: "blue", moving: true },
  proving: { icon: IconEyeSearch, color: "violet", moving: true },
  publishing: { icon: IconPlayerTrackNext, color: "violet", moving: true },
  available: { icon: IconCircleCheck, color: "green" },
  retry_wait: { icon: IconHourglass, color: "orange" },
  held: { icon: IconClockPause, color: "orange" },
  failed: { icon: IconCircleX, color: "red", needsPerson: true },
  conflict: { icon: IconArrowsDiff, color: "red", needsPerson: true },
  superseded: { icon: IconHistory, color: "gray" },
  removed: { icon: IconFileX, color: "gray" },
  damaged: { icon: IconAlertTriangle, color: "red", needsPerson: true },
  missing: { icon: IconFileOff, color: "red", needsPerson: true },
  skipped: { icon: IconHandStop, color: "gray", struck: true },
};

export const RETRY_ICON = IconRefreshAlert;

export function isStatus(value: string): value is FileStatus {
  return value in STATUSES;
}
