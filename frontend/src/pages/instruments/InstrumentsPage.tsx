import { IconPlus } from "@tabler/icons-react";
import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { instrumentsQuery } from "@/api/instruments";
import { type InstrumentRead, InstrumentState } from "@/api/models";
import { Bytes } from "@/components/Bytes";
import { DataTable } from "@/components/DataTable";
import { ChoiceFilter, FilterBar, SearchFilter } from "@/components/filters";
import { formatNumber } from "@/components/format";
import { ButtonLink, NameLink, TextLink } from "@/components/links";
import { Page } from "@/components/Page";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { useRows } from "@/components/useRows";
import { useSetSearch } from "@/components/useSetSearch";
import { useMe } from "@/contexts/session";
import { InstrumentStateBadge } from "./state";

export function InstrumentsPage() {
  const { t } = useTranslation();
  const { is_superuser: isAdmin } = useMe();
  const search = useSearch({ from: "/app/instruments" });
  const source = useRows(instrumentsQuery(search));
  const add = isAdmin && (
    <ButtonLink to="/instruments/new" leftSection={<IconPlus size={16} />}>
      {t("instruments.add")}
    </ButtonLink>
  );
  return (
    <Page title={t("instruments.title")} lead={t("instruments.lead")} actions={add}>
      <DataTable
        name="instruments"
        label={t("instruments.title")}
        columns={useColumns()}
        source={source}
        rowKey={(instrument) => instrument.id}
        rowHref={(instrument) => `/instruments/${instrument.id}`}
        toolbar={<Filters />}
        isFiltered={Object.keys(search).length > 0}
        empty={{
          title: t("instruments.empty"),
          hint: t(isAdmin ? "instruments.empty_hint" : "instruments.empty_hint_user"),
          action: add,
        }}
      />
    </Page>
  );
}

function Filters() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/instruments" });
  const set = useSetSearch<typeof search>("/instruments");
  return (
    <FilterBar label={t("instruments.filter.label")}>
      <SearchFilter
        label={t("instruments.filter.search")}
        value={search.search}
        onChange={(typed) => set({ search: typed })}
      />
      <ChoiceFilter
        label={t("instruments.columns.state")}
        value={search.state}
        onChange={(state) => set({ state })}
        choices={Object.values(InstrumentState).map((value) => ({
          value,
          label: t(`instruments.filter.state.${value}`),
        }))}
      />
    </FilterBar>
  );
}

function useColumns(): Column<InstrumentRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "instrument",
        header: t("instruments.columns.instrument"),
        cell: (one) => (
          <NameLink
            to="/instruments/$instrumentId"
            params={{ instrumentId: one.id }}
            translate="no"
          >
            {one.name}
          </NameLink>
        ),
      },
      {
        id: "state",
        header: t("instruments.columns.state"),
        width: "150px",
        cell: (one) => <InstrumentStateBadge instrument={one} />,
      },
      {
        id: "last_scan",
        header: t("instruments.columns.last_scan"),
        width: "150px",
        cell: (one) => <Time at={one.scan?.last_scan_at} />,
      },
      {
        id: "files",
        header: t("instruments.columns.files"),
        width: "110px",
        align: "end",
        cell: (one) => (
          <TextLink to="/files" search={{ instrument: [one.id], present: true }}>
            {formatNumber(one.scan?.files ?? 0)}
          </TextLink>
        ),
      },
      {
        id: "size",
        header: t("instruments.columns.size"),
        width: "110px",
        align: "end",
        cell: (one) => <Bytes value={one.scan?.size_bytes ?? 0} />,
      },
      {
        id: "protocol",
        header: t("instruments.columns.protocol"),
        width: "110px",
        cell: (one) => <span translate="no">{one.protocol.toUpperCase()}</span>,
      },
      {
        id: "zone",
        header: t("instruments.columns.zone"),
        width: "100px",
        hidden: true,
        cell: (one) => <span translate="no">{one.zone}</span>,
      },
    ],
    [t],
  );
}
