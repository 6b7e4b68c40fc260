import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { fileCountsQuery, filesQuery, isProven } from "@/api/files";
import { csvHref } from "@/api/lists";
import type { FileRead } from "@/api/models";
import { Bytes } from "@/components/Bytes";
import { DataTable } from "@/components/DataTable";
import { formatCount } from "@/components/format";
import { NameLink, TextLink } from "@/components/links";
import { PathText } from "@/components/Mono";
import { Page } from "@/components/Page";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { useRows } from "@/components/useRows";
import { WhyBox } from "@/components/WhyBox";
import { ArchiveMenu } from "./Archive";
import { ChosenFiles, useChosenFiles } from "./ChosenFiles";
import { FileFilters, useFileSearch } from "./FileFilters";

export function FilesPage() {
  const { t } = useTranslation();
  const { search } = useFileSearch();
  const { sort: _, ...filters } = search;
  const source = useRows(filesQuery(search));
  const columns = useFileColumns();
  const choice = useChosenFiles();
  return (
    <Page title={t("files.title")} lead={<Total />}>
      <DataTable
        name="files"
        label={t("files.title")}
        columns={columns}
        source={source}
        rowKey={(file) => file.id}
        rowHref={(file) => `/files/${file.id}`}
        toolbar={<FileFilters />}
        csvHref={csvHref("/api/files.csv", search)}
        downloads={<ListArchive rows={source.rows} />}
        choice={choice}
        choiceBar={<ChosenFiles chosen={choice.chosen} onClear={choice.clear} />}
        isFiltered={Object.keys(filters).length > 0}
        empty={{ title: t("files.empty"), hint: t("files.empty_hint") }}
      />
      <WhyBox />
    </Page>
  );
}

/** The files of this list in one archive, once something of it is proven. */
function ListArchive({ rows }: { rows: FileRead[] }) {
  const { search } = useFileSearch();
  const { sort: _, ...filters } = search;
  const { data: counts } = useQuery(fileCountsQuery(filters));
  const areListed = !search.state || search.state.includes("available");
  const isAny = rows.some(isProven) || (areListed && (counts?.statuses.available?.count ?? 0) > 0);
  return isAny ? <ArchiveMenu filters={filters} /> : null;
}

function Total() {
  const { t } = useTranslation();
  const { search } = useFileSearch();
  const { sort: _, ...filters } = search;
  const { data: counts } = useQuery(fileCountsQuery(filters));
  if (!counts) return <>{t("files.lead")}</>;
  const { count } = counts.total;
  return <>{t("files.total", { count, number: formatCount(counts.total) })}</>;
}

function useFileColumns(): Column<FileRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "path",
        header: t("files.columns.path"),
        cell: (file) => (
          <NameLink to="/files/$fileId" params={{ fileId: file.id }} maw="100%">
            <PathText path={file.path} />
          </NameLink>
        ),
      },
      {
        id: "status",
        header: t("files.columns.status"),
        width: "160px",
        cell: (file) => <StatusBadge status={file.status} sentence={file.reason ?? undefined} />,
      },
      {
        id: "instrument",
        header: t("files.columns.instrument"),
        width: "160px",
        cell: (file) => <span translate="no">{file.instrument_name}</span>,
      },
      {
        id: "size",
        header: t("files.columns.size"),
        width: "100px",
        align: "end",
        cell: (file) => <Bytes value={file.size_bytes} />,
      },
      {
        id: "changed",
        header: t("files.columns.changed"),
        width: "140px",
        cell: (file) => <Time at={file.modified_at} />,
      },
      {
        id: "first_seen",
        header: t("files.columns.first_seen"),
        width: "140px",
        hidden: true,
        cell: (file) => <Time at={file.first_seen_at} />,
      },
      {
        id: "copies",
        header: t("files.columns.copies"),
        width: "90px",
        align: "end",
        cell: (file) => (
          <TextLink to="/files/$fileId" params={{ fileId: file.id }} hash="copies">
            {t("files.copies_of", {
              available: file.copies.filter((copy) => copy.state === "available").length,
              all: file.copies.length,
            })}
          </TextLink>
        ),
      },
      {
        id: "ark",
        header: t("files.columns.ark"),
        width: "200px",
        hidden: true,
        cell: (file) => (
          <Text span size="sm" ff="monospace" translate="no">
            {file.ark}
          </Text>
        ),
      },
    ],
    [t],
  );
}
