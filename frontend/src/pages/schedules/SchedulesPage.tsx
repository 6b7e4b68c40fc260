import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ScheduleRead } from "@/api/models";
import { schedulesQuery, useDeleteSchedule } from "@/api/schedules";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { DataTable } from "@/components/DataTable";
import { FilterBar, InstrumentFilter } from "@/components/filters";
import { InstrumentName } from "@/components/InstrumentChoice";
import { NameLink } from "@/components/links";
import { Page } from "@/components/Page";
import { EditMenu } from "@/components/RowMenu";
import { ScheduleSentence } from "@/components/ScheduleSentence";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { useInstrumentName } from "@/components/useInstruments";
import { useRows } from "@/components/useRows";
import { useSetSearch } from "@/components/useSetSearch";
import { AddSchedule, EditSchedule } from "./ScheduleForm";

type Task = { kind: "add" } | { kind: "edit" | "delete"; schedule: ScheduleRead };

export function SchedulesPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: "/app/schedules" });
  const set = useSetSearch<typeof search>("/schedules");
  const source = useRows(schedulesQuery(search));
  const [task, setTask] = useState<Task | null>(null);
  const done = () => setTask(null);
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setTask({ kind: "add" })}>
      {t("schedules.add")}
    </Button>
  );
  const chosen = task && "schedule" in task ? task.schedule.instrument_id : null;
  const name = useInstrumentName(chosen) ?? "";
  return (
    <Page title={t("schedules.title")} lead={t("schedules.lead")} actions={add}>
      <DataTable
        name="schedules"
        label={t("schedules.title")}
        columns={useColumns(setTask)}
        source={source}
        rowKey={(schedule) => schedule.id}
        toolbar={
          <FilterBar label={t("schedules.filter.label")}>
            <InstrumentFilter
              label={t("schedules.columns.instrument")}
              value={search.instrument}
              onChange={(instrument) => set({ instrument })}
            />
          </FilterBar>
        }
        isFiltered={search.instrument !== undefined}
        empty={{ title: t("schedules.empty"), hint: t("schedules.empty_hint"), action: add }}
      />
      {task?.kind === "add" && <AddSchedule onClose={done} instrumentId={search.instrument} />}
      {task?.kind === "edit" && (
        <EditSchedule schedule={task.schedule} name={name} onClose={done} />
      )}
      {task?.kind === "delete" && (
        <DeleteSchedule schedule={task.schedule} name={name} onClose={done} />
      )}
    </Page>
  );
}

function DeleteSchedule(props: { schedule: ScheduleRead; name: string; onClose: () => void }) {
  const { t } = useTranslation();
  const remove = useDeleteSchedule(props.schedule);
  return (
    <ConfirmDialog
      danger
      title={t("schedules.delete.title", { name: props.name })}
      consequences={t("schedules.delete.consequences", { name: props.name })}
      confirmLabel={t("schedules.delete.confirm")}
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate(undefined, { onSuccess: props.onClose })}
      onClose={props.onClose}
    />
  );
}

function Actions({ schedule, onTask }: { schedule: ScheduleRead; onTask: (task: Task) => void }) {
  return (
    <EditMenu
      name={useInstrumentName(schedule.instrument_id) ?? ""}
      onEdit={() => onTask({ kind: "edit", schedule })}
      onDelete={() => onTask({ kind: "delete", schedule })}
    />
  );
}

function useColumns(onTask: (task: Task) => void): Column<ScheduleRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "instrument",
        header: t("schedules.columns.instrument"),
        width: "240px",
        cell: (one) => (
          <NameLink to="/instruments/$instrumentId" params={{ instrumentId: one.instrument_id }}>
            <InstrumentName id={one.instrument_id} />
          </NameLink>
        ),
      },
      {
        id: "when",
        header: t("schedules.columns.when"),
        cell: (one) => <ScheduleSentence schedule={one} />,
      },
      {
        id: "next",
        header: t("schedules.columns.next"),
        width: "170px",
        cell: (one) => one.next_times[0] && <Time at={one.next_times[0]} />,
      },
      {
        id: "actions",
        header: t("common.actions.more"),
        width: "80px",
        align: "end",
        cell: (one) => <Actions schedule={one} onTask={onTask} />,
      },
    ],
    [t, onTask],
  );
}
