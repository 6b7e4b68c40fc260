import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { csvHref } from "@/api/lists";
import { CopyState, type FileStatus, type TransferRead } from "@/api/models";
import { storageQuery } from "@/api/storage";
import { transferCountsQuery, transfersQuery } from "@/api/transfers";
import { Bytes } from "@/components/Bytes";
import { ChecklistFilter } from "@/components/ChecklistFilter";
import { DataTable } from "@/components/DataTable";
import { ChoiceFilter, FilterBar, FilterChip, useSpan } from "@/components/filters";
import { formatCount, formatNumber } from "@/components/format";
import { InstrumentsFilter } from "@/components/InstrumentChoice";
import { NameLink, TextLink } from "@/components/links";
import { PathText } from "@/components/Mono";
import { Page } from "@/components/Page";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { useEvery } from "@/components/useEvery";
import { useRows } from "@/components/useRows";
import { useSetSearch } from "@/components/useSetSearch";
import { useMe } from "@/contexts/session";
import { Causes } from "./Causes";

export function TransfersPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/transfers" });
  const source = useRows(transfersQuery(search));
  const columns = useTransferColumns();
  return (
    <Page title={t("transfers.title")} lead={t("transfers.lead")}>
      <Causes />
      <DataTable
        name="transfers"
        label={t("transfers.title")}
        columns={columns}
        source={source}
        rowKey={(copy) => copy.id}
        rowHref={(copy) => `/transfers/${copy.id}`}
        toolbar={<Filters />}
        csvHref={csvHref("/api/transfers.csv", search)}
        isFiltered={Object.keys(search).length > 0}
        empty={{ title: t("transfers.empty"), hint: t("transfers.empty_hint") }}
      />
    </Page>
  );
}

function Filters() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/transfers" });
  const set = useSetSearch<typeof search>("/transfers");
  const { is_superuser: isAdmin } = useMe();
  const spanOf = useSpan();
  const { data: counts } = useQuery(transferCountsQuery(search));
  return (
    <FilterBar label={t("transfers.filter.label")}>
      <InstrumentsFilter
        label={t("transfers.filter.instrument")}
        value={search.instrument}
        onChange={(instrument) => set({ instrument })}
      />
      <ChecklistFilter
        label={t("transfers.filter.state")}
        value={search.state}
        onChange={(state) => set({ state })}
        options={Object.values(CopyState).map((value) => ({
          value,
          label: t(`status.${value as FileStatus}.name`),
          count: counts && formatCount(counts.states[value]),
        }))}
      />
      {isAdmin && <StorageFilter />}
      <FilterChip onRemove={() => set({ error_code: undefined })}>
        {search.error_code && t("transfers.filter.error", { code: search.error_code })}
      </FilterChip>
      <FilterChip onRemove={() => set({ available_after: undefined, available_before: undefined })}>
        {spanOf(t("status.available.name"), search.available_after, search.available_before)}
      </FilterChip>
    </FilterBar>
  );
}

function StorageFilter() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/transfers" });
  const set = useSetSearch<typeof search>("/transfers");
  const places = useEvery(storageQuery());
  return (
    <ChoiceFilter
      label={t("transfers.filter.storage")}
      value={search.storage}
      onChange={(storage) => set({ storage })}
      searchable
      choices={places.map((one) => ({ value: one.id, label: one.name }))}
    />
  );
}

function useTransferColumns(): Column<TransferRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "file",
        header: t("transfers.columns.file"),
        width: "30%",
        cell: (copy) => (
          <NameLink to="/transfers/$transferId" params={{ transferId: copy.id }} maw="100%">
            <PathText path={copy.path} />
          </NameLink>
        ),
      },
      {
        id: "state",
        header: t("transfers.columns.state"),
        width: "150px",
        cell: (copy) => (
          <StatusBadge
            status={copy.state as FileStatus}
            sentence={copy.error_detail ?? undefined}
          />
        ),
      },
      {
        id: "why",
        header: t("transfers.columns.why"),
        isQuiet: (copy) => !copy.error_detail,
        cell: (copy) => <span translate="no">{copy.error_detail}</span>,
      },
      {
        id: "instrument",
        header: t("transfers.columns.instrument"),
        width: "140px",
        cell: (copy) => <span translate="no">{copy.instrument_name}</span>,
      },
      {
        id: "storage",
        header: t("transfers.columns.storage"),
        width: "100px",
        cell: (copy) => <span translate="no">{copy.storage_name}</span>,
      },
      {
        id: "size",
        header: t("transfers.columns.size"),
        width: "95px",
        align: "end",
        cell: (copy) => <Bytes value={copy.size_bytes} />,
      },
      {
        id: "since",
        header: t("transfers.columns.since"),
        width: "135px",
        cell: (copy) => <Time at={copy.state_since} />,
      },
      {
        id: "attempts",
        header: t("transfers.columns.attempts"),
        width: "90px",
        align: "end",
        hidden: true,
        cell: (copy) => (
          <TextLink to="/transfers/$transferId" params={{ transferId: copy.id }} hash="attempts">
            {formatNumber(copy.attempt)}
          </TextLink>
        ),
      },
    ],
    [t],
  );
}
