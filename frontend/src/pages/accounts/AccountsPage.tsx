import { Button } from "@mantine/core";
import { IconCircleCheck, IconCircleDashed, IconCircleX, IconPlus } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { accountsQuery, useDeleteAccount } from "@/api/accounts";
import type { ServiceAccountCreateSecretKind, ServiceAccountRead } from "@/api/models";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { DataTable } from "@/components/DataTable";
import { Hint } from "@/components/Hint";
import { Page } from "@/components/Page";
import { Pill } from "@/components/Pill";
import { EditMenu } from "@/components/RowMenu";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { UsedByLinks } from "@/components/UsedByLinks";
import { useRows } from "@/components/useRows";
import { AccountForm } from "./AccountForm";

type Task = { kind: "add" } | { kind: "edit" | "delete"; account: ServiceAccountRead };

export function AccountsPage() {
  const { t } = useTranslation();
  const source = useRows(accountsQuery());
  const [task, setTask] = useState<Task | null>(null);
  const done = () => setTask(null);
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setTask({ kind: "add" })}>
      {t("accounts.add")}
    </Button>
  );
  return (
    <Page title={t("accounts.title")} lead={t("accounts.lead")} actions={add}>
      <DataTable
        name="accounts"
        label={t("accounts.title")}
        columns={useColumns(setTask)}
        source={source}
        rowKey={(account) => account.id}
        empty={{ title: t("accounts.empty"), hint: t("accounts.empty_hint"), action: add }}
      />
      {task?.kind === "add" && <AccountForm account={null} onClose={done} />}
      {task?.kind === "edit" && <AccountForm account={task.account} onClose={done} />}
      {task?.kind === "delete" && <DeleteAccount account={task.account} onClose={done} />}
    </Page>
  );
}

function DeleteAccount(props: { account: ServiceAccountRead; onClose: () => void }) {
  const { t } = useTranslation();
  const remove = useDeleteAccount(props.account);
  return (
    <ConfirmDialog
      danger
      title={t("accounts.delete.title", { name: props.account.name })}
      consequences={t("accounts.delete.consequences")}
      confirmLabel={t("accounts.delete.confirm")}
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate(undefined, { onSuccess: props.onClose })}
      onClose={props.onClose}
    />
  );
}

const LOOKS = {
  proven: { icon: IconCircleCheck, color: "green" },
  refused: { icon: IconCircleX, color: "red" },
  untried: { icon: IconCircleDashed, color: "gray" },
} as const;

function logOnOf(account: ServiceAccountRead): keyof typeof LOOKS {
  if (account.refused_version === account.secret_version) return "refused";
  return account.proven_version === account.secret_version ? "proven" : "untried";
}

function LogOn({ account }: { account: ServiceAccountRead }) {
  const { t } = useTranslation();
  const state = logOnOf(account);
  return (
    <Hint label={t(`accounts.state_hint.${state}`)} multiline maw={320}>
      <Pill {...LOOKS[state]}>{t(`accounts.state.${state}`)}</Pill>
    </Hint>
  );
}

function useColumns(onTask: (task: Task) => void): Column<ServiceAccountRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "name",
        header: t("accounts.columns.name"),
        cell: (one) => <span translate="no">{one.name}</span>,
      },
      {
        id: "username",
        header: t("accounts.columns.username"),
        cell: (one) => <span translate="no">{one.username}</span>,
      },
      {
        id: "secret",
        header: t("accounts.columns.secret"),
        width: "150px",
        cell: (one) => t(`accounts.kind.${one.secret_kind as ServiceAccountCreateSecretKind}`),
      },
      {
        id: "state",
        header: t("accounts.columns.state"),
        width: "150px",
        cell: (one) => <LogOn account={one} />,
      },
      {
        id: "updated",
        header: t("accounts.columns.updated"),
        width: "150px",
        cell: (one) => <Time at={one.updated_at} />,
      },
      {
        id: "used_by",
        header: t("accounts.columns.used_by"),
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
            onEdit={() => onTask({ kind: "edit", account: one })}
            onDelete={() => onTask({ kind: "delete", account: one })}
          />
        ),
      },
    ],
    [t, onTask],
  );
}
