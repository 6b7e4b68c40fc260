import { Button, Group } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { auditQuery, verificationQuery } from "@/api/audit";
import { csvHref } from "@/api/lists";
import type { AuditEventRead } from "@/api/models";
import { CopyButton } from "@/components/CopyButton";
import { DataTable } from "@/components/DataTable";
import { FilterBar, FilterChip, InstrumentFilter, SearchFilter } from "@/components/filters";
import { formatNumber } from "@/components/format";
import { Code, HashText } from "@/components/Mono";
import { Page } from "@/components/Page";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { useRows } from "@/components/useRows";
import { useSetSearch } from "@/components/useSetSearch";
import { useMe } from "@/contexts/session";
import { ActorName, SubjectName } from "./names";
import { Verification } from "./Verification";

export function AuditPage() {
  const { t } = useTranslation();
  const me = useMe();
  const search = useSearch({ from: "/app/audit" });
  const source = useRows(auditQuery(search));
  const verification = useQuery(verificationQuery());
  return (
    <Page
      title={t("audit.title")}
      lead={t("audit.lead")}
      actions={
        me.is_superuser && (
          <Button
            leftSection={<IconShieldCheck size={16} />}
            loading={verification.isFetching}
            onClick={() => void verification.refetch()}
          >
            {t("audit.verify.button")}
          </Button>
        )
      }
    >
      <Verification query={verification} />
      <DataTable
        name="audit"
        label={t("audit.title")}
        columns={useColumns()}
        source={source}
        rowKey={(event) => event.id}
        toolbar={<Filters />}
        csvHref={csvHref("/api/audit.csv", search)}
        isFiltered={Object.keys(search).length > 0}
        empty={{ title: t("audit.empty") }}
      />
    </Page>
  );
}

function Filters() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/audit" });
  const set = useSetSearch<typeof search>("/audit");
  return (
    <FilterBar label={t("audit.filter.label")}>
      <SearchFilter
        label={t("audit.filter.action")}
        value={search.action}
        onChange={(action) => set({ action })}
      />
      <SearchFilter
        label={t("audit.filter.actor")}
        value={search.actor}
        onChange={(actor) => set({ actor })}
      />
      <SearchFilter
        label={t("audit.filter.subject")}
        value={search.subject}
        onChange={(subject) => set({ subject })}
      />
      <InstrumentFilter
        label={t("audit.filter.instrument")}
        value={search.instrument}
        onChange={(instrument) => set({ instrument })}
      />
      <FilterChip onRemove={() => set({ sealed: undefined })}>
        {search.sealed === undefined
          ? undefined
          : t(search.sealed ? "audit.filter.sealed" : "audit.not_sealed")}
      </FilterChip>
    </FilterBar>
  );
}

function useColumns(): Column<AuditEventRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "action",
        header: t("audit.columns.action"),
        width: "165px",
        cell: (event) => <Code>{event.action}</Code>,
      },
      {
        id: "at",
        header: t("audit.columns.at"),
        width: "160px",
        cell: (event) => <Time at={event.at} exact />,
      },
      {
        id: "actor",
        header: t("audit.columns.actor"),
        cell: (event) => <ActorName actor={event.actor} />,
      },
      {
        id: "subject",
        header: t("audit.columns.subject"),
        cell: (event) => <SubjectName subject={event.subject} />,
      },
      {
        id: "details",
        header: t("audit.columns.details"),
        isQuiet: (event) => Object.keys(event.details).length === 0,
        cell: (event) => <Code>{detailsText(event.details)}</Code>,
      },
      {
        id: "seq",
        header: t("audit.columns.seq"),
        width: "76px",
        align: "end",
        cell: (event) => (event.seq === null ? t("audit.not_sealed") : formatNumber(event.seq)),
      },
      {
        id: "hash",
        header: t("audit.columns.hash"),
        width: "152px",
        cell: (event) =>
          event.hash && (
            <Group gap={4} wrap="nowrap">
              <HashText hash={event.hash} />
              <CopyButton value={event.hash} />
            </Group>
          ),
      },
    ],
    [t],
  );
}

/** The details on one line; none is nothing. */
function detailsText(details: object): string {
  return Object.entries(details)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}
