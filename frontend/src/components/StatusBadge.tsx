import { useTranslation } from "react-i18next";
import type { FileStatus } from "@/api/models";
import { Hint } from "./Hint";
import { Pill } from "./Pill";
import { STATUSES } from "./statuses";

interface StatusBadgeProps {
  status: FileStatus;
  /** Says more than the status' own sentence, where more is known. */
  sentence?: string | undefined;
}

/** A status: icon, word and colour; its sentence on hover and focus. */
export function StatusBadge({ status, sentence }: StatusBadgeProps) {
  const { t } = useTranslation();
  const { icon, color, moving, dotted, struck } = STATUSES[status];
  return (
    <Hint label={sentence ?? t(`status.${status}.sentence`)} multiline maw={320}>
      <Pill icon={icon} color={color} moving={moving} dotted={dotted} struck={struck}>
        {t(`status.${status}.name`)}
      </Pill>
    </Hint>
  );
}
