import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { InstrumentRead } from "@/api/models";
import { lastRunsQuery } from "@/api/runs";
import { TextLink } from "@/components/links";
import { CancelRun } from "@/pages/runs/CancelRun";

/** The harvest of this instrument that is going on, and how to stop it. */
export function LiveRun({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const { data } = useQuery(lastRunsQuery(instrument.id));
  const run = data?.items.find((one) => one.state === "live");
  if (!run) return null;
  return (
    <>
      <TextLink to="/runs/$runId" params={{ runId: run.id }} size="sm">
        {t("instruments.progress.live_run")}
      </TextLink>
      <CancelRun run={run} name={instrument.name} size="xs" />
    </>
  );
}
