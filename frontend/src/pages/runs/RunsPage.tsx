import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { RunKind, RunOutcome, type RunRead, RunState as State } from "@/api/models";
import { runsQuery } from "@/api/runs";
import { DataTable } from "@/components/DataTable";
import {
  ChoiceFilter,
  FilterBar,
  FilterChip,
  InstrumentFilter,
  useSpan,
} from "@/components/filters";
import { InstrumentName } from "@/components/InstrumentChoice";
import { NameLink } from "@/components/links";
import { Page } from "@/components/Page";
import { RunState } from "@/components/RunState";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { useRows } from "@/components/useRows";
import { useSetSearch } from "@/components/useSetSearch";
import { MadeCopies, NewFiles, RunDuration, type Trigger } from "./facts";

export function RunsPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/runs" });
  const source = useRows(runsQuery(search));
  const columns = useRunColumns();
  return (
    <Page title={t("runs.title")} lead={t("runs.lead")}>
      <DataTable
        name="runs"
        label={t("runs.title")}
        columns={columns}
        source={source}
        rowKey={(run) => run.id}
        rowHref={(run) => `/runs/${run.id}`}
        toolbar={<Filters />}
        isFiltered={Object.keys(search).length > 0}
        empty={{ title: t("runs.empty"), hint: t("runs.empty_hint") }}
      />
    </Page>
  );
}

function Filters() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/runs" });
  const set = useSetSearch<typeof search>("/runs");
  const spanOf = useSpan();
  return (
    <FilterBar label={t("runs.filter.label")}>
      <InstrumentFilter
        label={t("runs.filter.instrument")}
        value={search.instrument}
        onChange={(instrument) => set({ instrument })}
      />
      <ChoiceFilter
        label={t("runs.filter.kind")}
        value={search.kind}
        onChange={(kind) => set({ kind })}
        choices={Object.values(RunKind).map((value) => ({ value, label: t(`runs.kind.${value}`) }))}
      />
      <ChoiceFilter
        label={t("runs.filter.state")}
        value={search.state}
        onChange={(state) => set({ state })}
        choices={Object.values(State).map((value) => ({ value, label: t(`runs.state.${value}`) }))}
      />
      <ChoiceFilter
        label={t("runs.filter.outcome")}
        value={search.outcome}
        onChange={(outcome) => set({ outcome })}
        choices={Object.values(RunOutcome).map((value) => ({
          value,
          label: t(`runs.outcome.${value}`),
        }))}
      />
      <FilterChip onRemove={() => set({ ended_after: undefined })}>
        {spanOf(t("runs.facts.ended"), search.ended_after, undefined)}
      </FilterChip>
    </FilterBar>
  );
}

function useRunColumns(): Column<RunRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "instrument",
        header: t("runs.columns.instrument"),
        cell: (run) => (
          <NameLink to="/runs/$runId" params={{ runId: run.id }}>
            {run.instrument_id ? (
              <InstrumentName id={run.instrument_id} />
            ) : (
              t("runs.zone", { zone: run.zone })
            )}
          </NameLink>
        ),
      },
      {
        id: "kind",
        header: t("runs.columns.kind"),
        width: "110px",
        cell: (run) => t(`runs.kind.${run.kind as RunKind}`),
      },
      {
        id: "state",
        header: t("runs.columns.state"),
        width: "140px",
        cell: (run) => <RunState run={run} />,
      },
      {
        id: "trigger",
        header: t("runs.columns.trigger"),
        width: "110px",
        cell: (run) => t(`runs.trigger.${run.trigger as Trigger}`),
      },
      {
        id: "started",
        header: t("runs.columns.started"),
        width: "150px",
        cell: (run) => <Time at={run.started_at ?? run.requested_at} />,
      },
      {
        id: "duration",
        header: t("runs.columns.duration"),
        width: "120px",
        align: "end",
        cell: (run) => <RunDuration run={run} />,
      },
      {
        id: "files",
        header: t("runs.columns.files"),
        width: "100px",
        align: "end",
        cell: (run) => <NewFiles run={run} />,
      },
      {
        id: "copies",
        header: t("runs.columns.copies"),
        width: "100px",
        align: "end",
        cell: (run) => <MadeCopies run={run} />,
      },
    ],
    [t],
  );
}
