import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { RunKind, RunRead } from "@/api/models";
import { runQuery } from "@/api/runs";
import { Facts } from "@/components/Facts";
import { formatNumber } from "@/components/format";
import { TextLink } from "@/components/links";
import { Code } from "@/components/Mono";
import { Page } from "@/components/Page";
import { Pending } from "@/components/Pending";
import { RunState } from "@/components/RunState";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useInstrumentName } from "@/components/useInstruments";
import { CancelRun } from "./CancelRun";
import { counterOf, MadeCopies, NewFiles, RunDuration, type Trigger } from "./facts";

export function RunPage() {
  const { runId } = useParams({ from: "/app/runs/$runId" });
  const query = useQuery(runQuery(runId));
  return <Pending query={query}>{(run) => <OneRun run={run} />}</Pending>;
}

function OneRun({ run }: { run: RunRead }) {
  const { t } = useTranslation();
  const instrument = useInstrumentName(run.instrument_id);
  const kind = run.kind as RunKind;
  const name = instrument ?? t("runs.zone", { zone: run.zone });
  return (
    <Page
      title={`${t(`runs.kind.${kind}`)}: ${name}`}
      lead={t(`runs.kind_hint.${kind}`, { zone: run.zone })}
      parent={{ to: "/runs", label: t("runs.title") }}
      actions={<CancelRun run={run} name={name} />}
    >
      <Section title={t("runs.sections.what")} actions={<RunState run={run} />}>
        <Facts
          items={[
            [t("runs.facts.scans"), formatNumber(counterOf(run, "scans"))],
            [t("runs.columns.files"), <NewFiles key="files" run={run} />],
            run.instrument_id !== null && [
              t("runs.columns.instrument"),
              <TextLink
                key="instrument"
                to="/instruments/$instrumentId"
                params={{ instrumentId: run.instrument_id }}
                translate="no"
              >
                {name}
              </TextLink>,
            ],
            [t("runs.columns.copies"), <MadeCopies key="copies" run={run} />],
            [t("runs.columns.duration"), <RunDuration key="duration" run={run} />],
            run.error_code !== null && [
              t("runs.facts.error"),
              <span key="error" translate="no">
                {run.error_detail} <Code>{run.error_code}</Code>
              </span>,
            ],
          ]}
        />
      </Section>
      <Section title={t("runs.sections.facts")}>
        <Facts items={useFacts(run)} />
      </Section>
    </Page>
  );
}

function useFacts(run: RunRead) {
  const { t } = useTranslation();
  const time = (at: string | null) => at && <Time at={at} />;
  return [
    [t("runs.columns.trigger"), t(`runs.trigger.${run.trigger as Trigger}`)],
    [t("runs.facts.zone"), <Code key="zone">{run.zone}</Code>],
    [t("runs.facts.requested"), time(run.requested_at)],
    [t("runs.facts.started"), time(run.started_at)],
    [t("runs.facts.scan_started"), time(run.scan_started_at)],
    [t("runs.facts.rescan"), time(run.rescan_requested_at)],
    [t("runs.facts.ended"), time(run.ended_at)],
    run.cancel_requested && [t("runs.facts.cancel_requested"), t("common.yes")],
    run.flow_run_id !== null && [
      t("runs.facts.flow_run"),
      <Code key="flow">{run.flow_run_id}</Code>,
    ],
  ] as React.ComponentProps<typeof Facts>["items"];
}
