import { Button } from "@mantine/core";
import { IconCircleCheck, IconCircleOff, IconEdit, IconPlus } from "@tabler/icons-react";
import { useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import type { UserRead } from "@/api/models";
import { usersQuery } from "@/api/users";
import { DataTable } from "@/components/DataTable";
import { FilterBar, SearchFilter } from "@/components/filters";
import { Page } from "@/components/Page";
import { Pill } from "@/components/Pill";
import { RowMenu } from "@/components/RowMenu";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { useRows } from "@/components/useRows";
import { useSetSearch } from "@/components/useSetSearch";
import { AddUser, EditUser } from "./UserForm";

type Task = { kind: "add" } | { kind: "edit"; user: UserRead };

export function UsersPage() {
  const { t } = useTranslation();
  const { search } = useSearch({ from: "/app/users" });
  const set = useSetSearch<{ search?: string | undefined }>("/users");
  const source = useRows(usersQuery(search));
  const [task, setTask] = useState<Task | null>(null);
  const done = () => setTask(null);
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setTask({ kind: "add" })}>
      {t("users.add")}
    </Button>
  );
  return (
    <Page title={t("users.title")} lead={t("users.lead")} actions={add}>
      <DataTable
        name="users"
        label={t("users.title")}
        columns={useColumns(setTask)}
        source={source}
        rowKey={(user) => user.id}
        toolbar={
          <FilterBar label={t("users.filter.label")}>
            <SearchFilter
              label={t("users.filter.search")}
              value={search}
              onChange={(typed) => set({ search: typed })}
            />
          </FilterBar>
        }
        isFiltered={search !== undefined}
        empty={{ title: t("users.empty"), action: add }}
      />
      {task?.kind === "add" && <AddUser onClose={done} />}
      {task?.kind === "edit" && <EditUser userId={task.user.id} onClose={done} />}
    </Page>
  );
}

function useColumns(onTask: (task: Task) => void): Column<UserRead>[] {
  const { t } = useTranslation();
  return useMemo(
    () => [
      {
        id: "name",
        header: t("users.columns.name"),
        cell: (user) => <span translate="no">{user.display_name || user.email}</span>,
      },
      {
        id: "email",
        header: t("users.columns.email"),
        cell: (user) => <span translate="no">{user.email}</span>,
      },
      {
        id: "role",
        header: t("users.columns.role"),
        width: "140px",
        cell: (user) => t(user.is_superuser ? "users.role.admin" : "users.role.user"),
      },
      {
        id: "state",
        header: t("users.columns.state"),
        width: "150px",
        cell: (user) =>
          user.is_active ? (
            <Pill icon={IconCircleCheck} color="green">
              {t("users.state.active")}
            </Pill>
          ) : (
            <Pill icon={IconCircleOff} color="gray">
              {t("users.state.inactive")}
            </Pill>
          ),
      },
      {
        id: "since",
        header: t("users.columns.since"),
        width: "150px",
        cell: (user) => <Time at={user.created_at} />,
      },
      {
        id: "actions",
        header: t("common.actions.more"),
        width: "80px",
        align: "end",
        cell: (user) => (
          <RowMenu
            name={user.email}
            actions={[
              {
                label: t("common.actions.edit"),
                icon: IconEdit,
                onClick: () => onTask({ kind: "edit", user }),
              },
            ]}
          />
        ),
      },
    ],
    [t, onTask],
  );
}
