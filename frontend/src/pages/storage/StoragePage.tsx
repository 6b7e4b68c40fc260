import { Anchor, Button, Modal } from "@mantine/core";
import { IconPlugConnected, IconPlus } from "@tabler/icons-react";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { storageQuery } from "@/api/storage";
import { Bytes } from "@/components/Bytes";
import { DataTable } from "@/components/DataTable";
import { ChoiceFilter, FilterBar } from "@/components/filters";
import { PathText } from "@/components/Mono";
import { Page } from "@/components/Page";
import { EditMenu } from "@/components/RowMenu";
import type { Column } from "@/components/table";
import { UsedByLinks } from "@/components/UsedByLinks";
import { useRows } from "@/components/useRows";
import { useSetSearch } from "@/components/useSetSearch";
import { DeleteStorage } from "./DeleteStorage";
import { healthOf } from "./health";
import { addressOf } from "./place";
import { StorageCheck } from "./StorageCheck";
import { StorageDetails } from "./StorageDetails";
import { StorageForm } from "./StorageForm";
import { StorageHealth } from "./StorageHealth";

type Task = { kind: "add" } | { kind: "edit" | "look" | "check" | "delete"; storage: StorageRead };

export function StoragePage() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/storage" });
  const set = useSetSearch<typeof search>("/storage");
  const source = useRows(storageQuery(search));
  const [task, setTask] = useState<Task | null>(null);
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setTask({ kind: "add" })}>
      {t("storage.add")}
    </Button>
  );
  return (
    <Page title={t("storage.title")} lead={t("storage.lead")} actions={add}>
      <DataTable
        name="storage"
        label={t("storage.title")}
        columns={useColumns(setTask)}
        source={source}
        rowKey={(storage) => storage.id}
        toolbar={
          <FilterBar label={t("storage.filter.label")}>
            <ChoiceFilter
              label={t("storage.columns.health")}
              value={search.in_trouble === undefined ? undefined : `${search.in_trouble}`}
              onChange={(chosen) =>
                set({ in_trouble: chosen === undefined ? undefined : chosen === "true" })
              }
              choices={[
                { value: "true", label: t("storage.filter.trouble") },
                { value: "false", label: t("storage.health.ok") },
              ]}
            />
          </FilterBar>
        }
        isFiltered={search.in_trouble !== undefined}
        empty={{ title: t("storage.empty"), hint: t("storage.empty_hint"), action: add }}
      />
      <Tasks task={task} onDone={() => setTask(null)} />
    </Page>
  );
}

function Tasks({ task, onDone }: { task: Task | null; onDone: () => void }) {
  const { t } = useTranslation();
  if (task === null) return null;
  if (task.kind === "add") return <StorageForm storage={null} onClose={onDone} />;
  if (task.kind === "edit") return <StorageForm storage={task.storage} onClose={onDone} />;
  if (task.kind === "look") return <StorageDetails id={task.storage.id} onClose={onDone} />;
  if (task.kind === "delete") return <DeleteStorage storage={task.storage} onClose={onDone} />;
  return (
    <Modal opened onClose={onDone} title={t("storage.check.title", { name: task.storage.name })}>
      <StorageCheck storage={task.storage} />
    </Modal>
  );
}

function useColumns(onTask: (task: Task) => void): Column<StorageRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "name",
        header: t("storage.columns.name"),
        width: "200px",
        cell: (one) => (
          <Anchor
            component="button"
            type="button"
            c="var(--mantine-color-text)"
            fz="inherit"
            ta="start"
            translate="no"
            aria-label={t("storage.details", { name: one.name })}
            onClick={() => onTask({ kind: "look", storage: one })}
          >
            {one.name}
          </Anchor>
        ),
      },
      {
        id: "health",
        header: t("storage.columns.health"),
        width: "150px",
        cell: (one) => <StorageHealth storage={one} />,
      },
      {
        id: "free",
        header: t("storage.columns.free"),
        width: "100px",
        align: "end",
        cell: (one) => {
          const { free_bytes: free } = healthOf(one);
          return free === undefined ? null : <Bytes value={free} />;
        },
      },
      {
        id: "path",
        header: t("storage.columns.path"),
        cell: (one) => <PathText path={addressOf(one)} />,
      },
      {
        id: "kind",
        header: t("storage.columns.kind"),
        width: "90px",
        cell: (one) => <span translate="no">{one.kind.toUpperCase()}</span>,
      },
      {
        id: "zone",
        header: t("storage.columns.zone"),
        width: "100px",
        hidden: true,
        cell: (one) => <span translate="no">{one.zone}</span>,
      },
      {
        id: "used_by",
        header: t("storage.columns.used_by"),
        width: "190px",
        cell: (one) => <UsedByLinks items={one.used_by ?? []} />,
      },
      {
        id: "actions",
        header: t("common.actions.more"),
        width: "80px",
        align: "end",
        cell: (one) => (
          <EditMenu
            name={one.name}
            more={[
              {
                label: t("storage.check.button"),
                icon: IconPlugConnected,
                onClick: () => onTask({ kind: "check", storage: one }),
              },
            ]}
            onEdit={() => onTask({ kind: "edit", storage: one })}
            onDelete={() => onTask({ kind: "delete", storage: one })}
          />
        ),
      },
    ],
    [t, onTask],
  );
}
