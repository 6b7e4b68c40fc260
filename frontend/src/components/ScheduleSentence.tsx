import cronstrue from "cronstrue";
import { useTranslation } from "react-i18next";
import type { ScheduleRead } from "@/api/models";
import { formatDuration } from "./format";

/** A cron expression in words; the expression itself when it cannot be told. */
export function cronInWords(cron: string): string {
  return cronstrue.toString(cron, { use24HourTimeFormat: true, throwExceptionOnParseError: false });
}

/** When a schedule runs, in words. */
export function ScheduleSentence({ schedule }: { schedule: ScheduleRead }) {
  const { t } = useTranslation();
  const off = schedule.enabled ? "" : ` (${t("schedules.disabled")})`;
  if (schedule.kind === "watch") {
    return (
      <span>
        {t("schedules.watch_sentence", { duration: formatDuration(schedule.rescan_seconds) })}
        {off}
      </span>
    );
  }
  return (
    <span>
      <span translate="no">{cronInWords(schedule.cron ?? "")}</span>
      {", "}
      <span translate="no">{schedule.time_zone}</span>
      {off}
    </span>
  );
}
