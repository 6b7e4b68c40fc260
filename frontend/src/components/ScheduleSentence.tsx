import cronstrue from "cronstrue";
import { useTranslation } from "react-i18next";
import type { ScheduleRead } from "@/api/models";
import { formatDuration } from "./format";

/** A cron expression in words; the expression itself when it cannot be told. */
export function cronInWords(cron: string): string {
  try {
    return cronstrue.toString(cron, { use24HourTimeFormat: true });
  } catch {
    return cron; // what is wrong with it is the server's to say
  }
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
