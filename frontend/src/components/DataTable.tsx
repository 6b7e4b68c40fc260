import { Anchor, Checkbox, Group, Menu, Stack, Switch, Text, UnstyledButton } from "@mantine/core";
import { IconAdjustmentsHorizontal, IconDownload } from "@tabler/icons-react";
import {
  type ColumnDef,
  columnVisibilityFeature,
  type Table,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { type ReactNode, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { usePreferences } from "@/contexts/preferences";
import { TableRows } from "./TableRows";
import type { Column, DataTableProps } from "./table";

const features = tableFeatures({ columnVisibilityFeature });

function useColumns<Row extends object>(columns: Column<Row>[]): ColumnDef<typeof features, Row>[] {
  return useMemo(
    () => columns.map((column) => ({ id: column.id, header: column.header })),
    [columns],
  );
}

/** Which columns of a table the person wants to see, and how close its rows. */
function useLiking<Row>(name: string, columns: Column<Row>[]) {
  const { liked, change } = usePreferences();
  const shown = liked.columns?.[name] as string[] | undefined;
  const visibility = useMemo(
    () =>
      Object.fromEntries(
        columns.map((one) => [one.id, shown ? shown.includes(one.id) : !one.hidden]),
      ),
    [columns, shown],
  );
  return {
    dense: liked.density === "compact",
    setDense: (dense: boolean) => change({ density: dense ? "compact" : "comfortable" }),
    visibility,
    setVisibility: (next: Record<string, boolean>) => {
      const wanted = columns.map((one) => one.id).filter((id) => next[id] !== false);
      change({ columns: { ...liked.columns, [name]: wanted } });
    },
  };
}

/** A table of any length: sticky header, column choice, density, keyboard, at most some rows drawn. */
export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { t } = useTranslation();
  const { columns, source, rowKey } = props;
  const { dense, setDense, visibility, setVisibility } = useLiking(props.name, columns);
  const table = useTable({
    features,
    columns: useColumns(columns),
    data: source.rows,
    getRowId: rowKey,
    state: { columnVisibility: visibility },
    onColumnVisibilityChange: (change) =>
      setVisibility(typeof change === "function" ? change(visibility) : change),
  });
  // The same list as long as nothing was chosen: rows that stay the same are not drawn again.
  const shown = useMemo(
    () => columns.filter((column) => visibility[column.id] !== false),
    [columns, visibility],
  );
  return (
    <Stack gap={8}>
      <Group justify="space-between" align="flex-end" gap="sm">
        <div style={{ flex: 1, minWidth: 0 }}>{props.toolbar}</div>
        {props.csvHref && (
          <DownloadLink href={props.csvHref} name={`${props.name}.csv`}>
            {t("common.actions.download_csv")}
          </DownloadLink>
        )}
        {props.downloads}
        <ViewOptions table={table} dense={dense} onDense={setDense} columns={columns} />
      </Group>
      {props.choiceBar}
      <TableRows {...props} shown={shown} dense={dense} />
    </Stack>
  );
}

interface DownloadLinkProps {
  href: string;
  name: string;
  hint?: string;
  children: ReactNode;
}

/** Above a table: the whole list, to take along. */
export function DownloadLink({ href, name, hint, children }: DownloadLinkProps) {
  return (
    <Anchor href={href} download={name} title={hint} c="dimmed" fz="sm" visibleFrom="sm">
      <Group gap={6} wrap="nowrap" component="span">
        <IconDownload size={16} aria-hidden />
        {children}
      </Group>
    </Anchor>
  );
}

interface ViewOptionsProps<Row extends object> {
  table: Table<typeof features, Row>;
  columns: Column<Row>[];
  dense: boolean;
  onDense: (dense: boolean) => void;
}

function ViewOptions<Row extends object>({
  table,
  columns,
  dense,
  onDense,
}: ViewOptionsProps<Row>) {
  const { t } = useTranslation();
  return (
    <Menu closeOnItemClick={false} position="bottom-end" withinPortal>
      <Menu.Target>
        <UnstyledButton c="dimmed" fz="sm" visibleFrom="sm">
          <Group gap={6} wrap="nowrap">
            <IconAdjustmentsHorizontal size={16} aria-hidden />
            {t("common.actions.view_options")}
          </Group>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown p="sm">
        <Stack gap="xs">
          <Switch
            size="xs"
            label={t("common.actions.density")}
            checked={dense}
            onChange={(event) => onDense(event.currentTarget.checked)}
          />
          <Text size="xs" c="dimmed">
            {t("common.actions.columns")}
          </Text>
          {columns.slice(1).map((column) => (
            <Checkbox
              key={column.id}
              size="xs"
              label={column.header}
              checked={table.getColumn(column.id)?.getIsVisible() ?? true}
              onChange={() => table.getColumn(column.id)?.toggleVisibility()}
            />
          ))}
        </Stack>
      </Menu.Dropdown>
    </Menu>
  );
}
