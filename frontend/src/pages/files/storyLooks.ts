import type { MantineColor } from "@mantine/core";
import {
  type Icon,
  IconCalendarPlus,
  IconCircleX,
  IconEye,
  IconEyeOff,
  IconFingerprint,
  IconHistory,
  IconKey,
  IconRefresh,
  IconShieldCheck,
} from "@tabler/icons-react";
import type { FileStatus, StoryStep } from "@/api/models";
import { isStatus, STATUSES } from "@/components/statuses";

interface Look {
  icon: Icon;
  color: MantineColor;
}

const OWN: Record<string, Look> = {
  first_seen: { icon: IconEye, color: "gray" },
  absent: { icon: IconEyeOff, color: "orange" },
  access_granted: { icon: IconKey, color: "gray" },
  refused: { icon: IconCircleX, color: "red" },
  planned: { icon: IconCalendarPlus, color: "gray" },
  identifier_minted: { icon: IconFingerprint, color: "weave" },
  retried: { icon: IconRefresh, color: "blue" },
};

/** The sign of a step; what is also a status looks as it does everywhere. */
export function lookOf(step: StoryStep): Look {
  if (step.kind === "attempt") {
    if (step.outcome === "failed") return { icon: IconCircleX, color: "orange" };
    if (step.outcome === "lost") return { icon: IconHistory, color: "orange" };
    return { icon: IconShieldCheck, color: "violet" };
  }
  const own = OWN[step.kind];
  if (own) return own;
  return isStatus(step.kind)
    ? STATUSES[step.kind as FileStatus]
    : { icon: IconHistory, color: "gray" };
}
