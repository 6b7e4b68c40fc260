import { Tooltip } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { formatExact } from "@/components/format";
import { useLive } from "@/contexts/live";
import classes from "./LiveIndicator.module.css";

/** Whether what stands on the page is true now. */
export function LiveIndicator() {
  const { t } = useTranslation();
  const { state, heardAt } = useLive();
  const hint =
    state === "reconnecting" && heardAt !== null
      ? t("shell.live.reconnecting_hint", { time: formatExact(new Date(heardAt)) })
      : t("shell.live.connected_hint");
  return (
    <Tooltip label={hint} multiline maw={280}>
      <span className={classes.live} data-state={state} role="status">
        <span className={classes.dot} aria-hidden />
        <span className={classes.word}>{t(`shell.live.${state}`)}</span>
      </span>
    </Tooltip>
  );
}
