import { Button } from "@mantine/core";
import { IconFileText, IconRefresh } from "@tabler/icons-react";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { hookRunsQuery, hooksQuery } from "@/api/hooks";
import { HookOutcome, type HookRunRead } from "@/api/models";
import { DataTable } from "@/components/DataTable";
import { ChoiceFilter, FilterBar, FilterChip, InstrumentFilter } from "@/components/filters";
import { TextLink } from "@/components/links";
import { PathText } from "@/components/Mono";
import { Page } from "@/components/Page";
import { RowMenu } from "@/components/RowMenu";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { useEvery } from "@/components/useEvery";
import { useRows } from "@/components/useRows";
import { useSetSearch } from "@/components/useSetSearch";
import { HookRunDetails } from "./HookRunDetails";
import { OutcomePill } from "./outcome";
import { ReplayHooks } from "./ReplayHooks";

/** What hooks said, the newest first; and asking them again. */
export function HookLogPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/hooks/log" });
  const source = useRows(hookRunsQuery(search));
  const [shown, setShown] = useState<HookRunRead | null>(null);
  const [isReplaying, setReplaying] = useState(false);
  return (
    <Page
      title={t("hooks.log.title")}
      lead={t("hooks.log.lead")}
      parent={{ to: "/hooks", label: t("hooks.title") }}
      actions={
        <Button
          variant="default"
          leftSection={<IconRefresh size={16} />}
          onClick={() => setReplaying(true)}
        >
          {t("hooks.replay.open")}
        </Button>
      }
    >
      <DataTable
        name="hook-log"
        label={t("hooks.log.title")}
        columns={useColumns(setShown)}
        source={source}
        rowKey={(run) => run.id}
        toolbar={<Filters />}
        isFiltered={Object.keys(search).length > 0}
        empty={{ title: t("hooks.log.empty"), hint: t("hooks.log.empty_hint") }}
      />
      {shown && <HookRunDetails run={shown} onClose={() => setShown(null)} />}
      {isReplaying && <ReplayHooks search={search} onClose={() => setReplaying(false)} />}
    </Page>
  );
}

function Filters() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/hooks/log" });
  const set = useSetSearch<typeof search>("/hooks/log");
  const hooks = useEvery(hooksQuery());
  return (
    <FilterBar label={t("hooks.log.filter")}>
      <ChoiceFilter
        label={t("hooks.columns.name")}
        value={search.hook}
        choices={hooks.map((one) => ({ value: one.id, label: one.name }))}
        onChange={(hook) => set({ hook })}
      />
      <InstrumentFilter
        label={t("hooks.log.instrument")}
        value={search.instrument}
        onChange={(instrument) => set({ instrument })}
      />
      <ChoiceFilter
        label={t("hooks.log.outcome")}
        value={search.outcome}
        choices={Object.values(HookOutcome).map((value) => ({
          value,
          label: t(`hooks.outcome.${value}`),
        }))}
        onChange={(outcome) => set({ outcome })}
      />
      <FilterChip onRemove={() => set({ file: undefined })}>
        {search.file && t("hooks.log.one_file")}
      </FilterChip>
    </FilterBar>
  );
}

/** Why, in one line: the rule and the reason of an answer, or what went wrong. */
export function whyOf(run: Pick<HookRunRead, "answer" | "error_detail">): string {
  const { rule, reason } = (run.answer ?? {}) as { rule?: string; reason?: string };
  return run.error_detail ?? [rule, reason].filter(Boolean).join(": ");
}

function useColumns(onShow: (run: HookRunRead) => void): Column<HookRunRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "file",
        header: t("hooks.log.file"),
        cell: (run) => (
          <TextLink to="/files/$fileId" params={{ fileId: run.source_file_id }}>
            <PathText path={String((run.facts as { path?: string }).path ?? run.source_file_id)} />
          </TextLink>
        ),
      },
      {
        id: "hook",
        header: t("hooks.columns.name"),
        width: "150px",
        cell: (run) => <span translate="no">{run.hook_name ?? t("hooks.log.removed")}</span>,
      },
      {
        id: "outcome",
        header: t("hooks.log.outcome"),
        width: "150px",
        cell: (run) => <OutcomePill outcome={run.outcome} />,
      },
      {
        id: "why",
        header: t("hooks.log.why"),
        cell: (run) => <span translate="no">{whyOf(run)}</span>,
      },
      {
        id: "at",
        header: t("hooks.log.at"),
        width: "140px",
        cell: (run) => <Time at={run.at} />,
      },
      {
        id: "actions",
        header: t("common.actions.more"),
        width: "80px",
        align: "end",
        cell: (run) => (
          <RowMenu
            name={run.hook_name ?? run.hook_id}
            actions={[
              { label: t("hooks.log.show"), icon: IconFileText, onClick: () => onShow(run) },
            ]}
          />
        ),
      },
    ],
    [t, onShow],
  );
}
