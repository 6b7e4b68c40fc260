import { Button, Stack, Text } from "@mantine/core";
import {
  IconCircleCheck,
  IconCircleDashed,
  IconHandStop,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlus,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { hooksQuery, hookTypesQuery, useChangeHook, useDeleteHook } from "@/api/hooks";
import type { HookRead } from "@/api/models";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { DataTable } from "@/components/DataTable";
import { InstrumentName } from "@/components/InstrumentChoice";
import { ButtonLink } from "@/components/links";
import { Code } from "@/components/Mono";
import { NoteBox } from "@/components/NoteBox";
import { Page } from "@/components/Page";
import { Pill } from "@/components/Pill";
import { EditMenu } from "@/components/RowMenu";
import type { Column } from "@/components/table";
import { useRows } from "@/components/useRows";
import { AddHook, EditHook } from "./HookForm";

type Task = { kind: "add" } | { kind: "edit" | "delete" | "switch"; hook: HookRead };

export function HooksPage() {
  const { t } = useTranslation();
  const source = useRows(hooksQuery());
  const [task, setTask] = useState<Task | null>(null);
  const done = () => setTask(null);
  const log = (
    <ButtonLink variant="default" to="/hooks/log">
      {t("hooks.log.open")}
    </ButtonLink>
  );
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setTask({ kind: "add" })}>
      {t("hooks.add")}
    </Button>
  );
  return (
    <Page
      title={t("hooks.title")}
      lead={t("hooks.lead")}
      actions={
        <>
          {log}
          {add}
        </>
      }
    >
      <Problems />
      <Stopped hooks={source.rows} />
      <Warnings hooks={source.rows} />
      <DataTable
        name="hooks"
        label={t("hooks.title")}
        columns={useColumns(setTask)}
        source={source}
        rowKey={(hook) => hook.id}
        empty={{ title: t("hooks.empty"), hint: t("hooks.empty_hint"), action: add }}
      />
      {task?.kind === "add" && <AddHook onClose={done} />}
      {task?.kind === "edit" && <EditHook hook={task.hook} onClose={done} />}
      {task?.kind === "switch" && <SwitchHook hook={task.hook} onClose={done} />}
      {task?.kind === "delete" && <DeleteHook hook={task.hook} onClose={done} />}
    </Page>
  );
}

/** Scripts and packages that are there and cannot be used, with the reason. */
function Problems() {
  const { t } = useTranslation();
  const { data } = useQuery(hookTypesQuery());
  const problems = Object.entries(data?.problems ?? {});
  if (problems.length === 0) return null;
  return (
    <NoteBox tone="warning">
      <Text fw={600}>{t("hooks.problems")}</Text>
      {problems.map(([where, why]) => (
        <Stack key={where} gap={0}>
          <Code>{where}</Code>
          <Text size="sm">{String(why)}</Text>
        </Stack>
      ))}
    </NoteBox>
  );
}

/** Hooks that stopped themselves, with the reason, until a person has looked. */
function Stopped({ hooks }: { hooks: HookRead[] }) {
  const { t } = useTranslation();
  const stopped = hooks.filter((hook) => hook.stopped_reason);
  if (stopped.length === 0) return null;
  return (
    <NoteBox tone="warning">
      <Text fw={600}>{t("hooks.stopped.title")}</Text>
      {stopped.map((hook) => (
        <Text key={hook.id} size="sm">
          <strong translate="no">{hook.name}</strong>: {hook.stopped_reason}
        </Text>
      ))}
      <Text size="sm">{t("hooks.stopped.hint")}</Text>
    </NoteBox>
  );
}

/** Hooks that were saved and cannot work beside others. */
function Warnings({ hooks }: { hooks: HookRead[] }) {
  const { t } = useTranslation();
  const warned = hooks.filter((hook) => hook.warnings?.length);
  if (warned.length === 0) return null;
  return (
    <NoteBox tone="warning">
      <Text fw={600}>{t("hooks.warnings")}</Text>
      {warned.map((hook) => (
        <Stack key={hook.id} gap={0}>
          <Text size="sm" fw={600} translate="no">
            {hook.name}
          </Text>
          {hook.warnings?.map((one) => (
            <Text key={one} size="sm">
              {one}
            </Text>
          ))}
        </Stack>
      ))}
    </NoteBox>
  );
}

function SwitchHook({ hook, onClose }: { hook: HookRead; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChangeHook(hook);
  const to = isOn(hook) ? "off" : "on";
  return (
    <ConfirmDialog
      title={t(`hooks.switch.${to}.title`, { name: hook.name })}
      consequences={t(`hooks.switch.${to}.consequences`)}
      confirmLabel={t(`hooks.switch.${to}.confirm`)}
      isPending={change.isPending}
      error={change.error}
      onConfirm={() => change.mutate({ enabled: to === "on" }, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}

function DeleteHook({ hook, onClose }: { hook: HookRead; onClose: () => void }) {
  const { t } = useTranslation();
  const remove = useDeleteHook(hook);
  return (
    <ConfirmDialog
      danger
      title={t("hooks.delete.title", { name: hook.name })}
      consequences={t("hooks.delete.consequences")}
      confirmLabel={t("hooks.delete.confirm")}
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}

const isOn = (hook: HookRead) => hook.enabled && !hook.stopped_reason;

function State({ hook }: { hook: HookRead }) {
  const { t } = useTranslation();
  if (hook.enabled && hook.stopped_reason) {
    return (
      <Pill icon={IconHandStop} color="orange">
        {t("hooks.stopped.state")}
      </Pill>
    );
  }
  return (
    <Pill
      icon={hook.enabled ? IconCircleCheck : IconCircleDashed}
      color={hook.enabled ? "green" : "gray"}
    >
      {t(hook.enabled ? "hooks.on" : "hooks.off")}
    </Pill>
  );
}

function Scope({ hook }: { hook: HookRead }) {
  const { t } = useTranslation();
  return (
    <Stack gap={0} miw={0}>
      <Text size="sm" truncate>
        {hook.instrument_id ? <InstrumentName id={hook.instrument_id} /> : t("hooks.all")}
      </Text>
      {hook.pattern && <Code>{hook.pattern}</Code>}
    </Stack>
  );
}

function useColumns(onTask: (task: Task) => void): Column<HookRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "name",
        header: t("hooks.columns.name"),
        cell: (one) => <span translate="no">{one.name}</span>,
      },
      {
        id: "position",
        header: t("hooks.columns.position"),
        width: "70px",
        align: "end",
        cell: (one) => one.position,
      },
      {
        id: "hook",
        header: t("hooks.columns.hook"),
        width: "155px",
        cell: (one) => <Code>{one.hook}</Code>,
      },
      {
        id: "kind",
        header: t("hooks.columns.kind"),
        width: "140px",
        cell: (one) => t(`hooks.kind.${one.kind}`),
      },
      {
        id: "scope",
        header: t("hooks.columns.scope"),
        width: "165px",
        cell: (one) => <Scope hook={one} />,
      },
      {
        id: "policy",
        header: t("hooks.columns.policy"),
        width: "105px",
        cell: (one) => t(`hooks.policy.${one.failure_policy}`),
      },
      {
        id: "enabled",
        header: t("hooks.columns.enabled"),
        width: "90px",
        cell: (one) => <State hook={one} />,
      },
      {
        id: "actions",
        header: t("common.actions.more"),
        width: "80px",
        align: "end",
        cell: (one) => (
          <EditMenu
            name={one.name}
            onEdit={() => onTask({ kind: "edit", hook: one })}
            onDelete={() => onTask({ kind: "delete", hook: one })}
            more={[
              {
                label: t(isOn(one) ? "hooks.switch.off.action" : "hooks.switch.on.action"),
                icon: isOn(one) ? IconPlayerPause : IconPlayerPlay,
                onClick: () => onTask({ kind: "switch", hook: one }),
              },
            ]}
          />
        ),
      },
    ],
    [t, onTask],
  );
}
