import { Button, Checkbox, Skeleton, Text, VisuallyHidden } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import classes from "./DataTable.module.css";
import { Empty } from "./Empty";
import { formatNumber } from "./format";
import { ProblemPanel } from "./ProblemPanel";
import type { Column, DataTableProps, RowChoice, RowSource } from "./table";

const ROW_HEIGHT = 45;
const DENSE_ROW_HEIGHT = 34;
const OVERSCAN = 8;
const FETCH_AHEAD_ROWS = 30;
const SKELETONS = ["a", "b", "c", "d", "e", "f"];

interface TableRowsProps<Row> extends DataTableProps<Row> {
  shown: Column<Row>[];
  dense: boolean;
}

/** The rows that can be seen, of any number; asks for more before they come into sight. */
export function TableRows<Row>({ source, shown, dense, ...props }: TableRowsProps<Row>) {
  const { t } = useTranslation();
  const scroller = useRef<HTMLDivElement>(null);
  const { rows, hasNextPage, isFetchingNextPage, fetchNextPage } = source;
  const hasFailed = Boolean(source.error);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (dense ? DENSE_ROW_HEIGHT : ROW_HEIGHT),
    overscan: OVERSCAN,
    initialRect: { width: 1000, height: 800 },
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    // A page may be short or empty and not the last; after an error a person tries again.
    const isNear = last >= rows.length - FETCH_AHEAD_ROWS;
    if (hasNextPage && !isFetchingNextPage && !hasFailed && isNear) fetchNextPage?.();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, hasFailed, fetchNextPage]);
  const keyboard = useRowKeyboard(rows.length, (index) => virtual.scrollToIndex(index), scroller);
  const above = items[0]?.start ?? 0;
  const below = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  const { choice } = props;
  const span = shown.length + (choice ? 1 : 0);
  const isSearching = source.isPending || (rows.length === 0 && Boolean(hasNextPage));

  if (source.error && rows.length === 0) {
    return <ProblemPanel error={source.error} onRetry={source.refetch} />;
  }
  return (
    <div>
      <div className={classes.scroller} ref={scroller}>
        <table
          className={dense ? `${classes.table} ${classes.dense}` : classes.table}
          data-old={source.isOld || undefined}
          aria-label={props.label}
          aria-rowcount={hasNextPage ? -1 : rows.length + 1}
          aria-busy={isSearching || Boolean(source.isOld)}
        >
          <Head columns={shown} isChoosing={Boolean(choice)} />
          <tbody onKeyDown={keyboard.onKeyDown}>
            {above > 0 && <Spacer height={above} span={span} />}
            {items.map((item) => {
              const row = rows[item.index] as Row;
              return (
                <BodyRow
                  key={props.rowKey(row)}
                  row={row}
                  index={item.index}
                  columns={shown}
                  href={props.rowHref?.(row)}
                  isCurrent={keyboard.current === item.index}
                  onFocus={keyboard.setCurrent}
                  choice={choice && choiceOf(choice, props.rowKey(row))}
                  choose={choice?.choose}
                  labelOf={choice?.labelOf}
                  rowKey={props.rowKey(row)}
                  measure={virtual.measureElement}
                />
              );
            })}
            {below > 0 && <Spacer height={below} span={span} />}
            {isSearching && <Skeletons span={span} />}
            {!isSearching && rows.length === 0 && (
              <tr>
                <td className={classes.message} colSpan={span}>
                  {props.isFiltered ? (
                    <Empty
                      title={t("common.empty.filtered")}
                      hint={t("common.empty.filtered_hint")}
                      action={<ClearFilters />}
                    />
                  ) : (
                    <Empty {...props.empty} />
                  )}
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </div>
      <Footer source={source} />
    </div>
  );
}

/** Filters live in the address: without them it is the whole list. */
function ClearFilters() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  return (
    <Button
      variant="default"
      size="xs"
      onClick={() => void navigate({ to: ".", search: {}, replace: true } as never)}
    >
      {t("common.empty.clear_filters")}
    </Button>
  );
}

function Head<Row>({ columns, isChoosing }: { columns: Column<Row>[]; isChoosing: boolean }) {
  const { t } = useTranslation();
  return (
    <thead>
      <tr>
        {isChoosing && (
          <th scope="col" className={classes.choice}>
            <VisuallyHidden>{t("common.choice.column")}</VisuallyHidden>
          </th>
        )}
        {columns.map((column) => (
          <th key={column.id} scope="col" data-align={column.align} style={{ width: column.width }}>
            {column.header}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Spacer({ height, span }: { height: number; span: number }) {
  return (
    <tr className={classes.spacer} aria-hidden>
      <td colSpan={span} style={{ height }} />
    </tr>
  );
}

function Skeletons({ span }: { span: number }) {
  return SKELETONS.map((key) => (
    <tr key={key} className={classes.skeleton} aria-hidden>
      <td colSpan={span}>
        <Skeleton height={14} radius="sm" />
      </td>
    </tr>
  ));
}

type Choice = "chosen" | "open" | "full";

function choiceOf<Row>({ chosen, isFull }: RowChoice<Row>, key: string): Choice {
  if (chosen.has(key)) return "chosen";
  return isFull ? "full" : "open";
}

interface BodyRowProps<Row> {
  row: Row;
  rowKey: string;
  choice: Choice | undefined;
  choose: RowChoice<Row>["choose"] | undefined;
  labelOf: RowChoice<Row>["labelOf"] | undefined;
  index: number;
  columns: Column<Row>[];
  href: string | undefined;
  isCurrent: boolean;
  onFocus: (index: number) => void;
  /** Cards on a phone differ in height. */
  measure: (element: HTMLTableRowElement | null) => void;
}

/** One row; drawn again only when something of it has changed. */
const BodyRow = memo(OneRow) as typeof OneRow;

function OneRow<Row>({ row, index, columns, href, ...props }: BodyRowProps<Row>) {
  const navigate = useNavigate();
  const { choice } = props;
  const open = () => {
    if (href !== undefined) void navigate({ to: href });
  };
  return (
    <tr
      className={href === undefined ? classes.row : `${classes.row} ${classes.openable}`}
      ref={props.measure}
      data-index={index}
      aria-rowindex={index + 2}
      tabIndex={props.isCurrent ? 0 : -1}
      onFocus={() => props.onFocus(index)}
      onClick={(event) => {
        // Links, buttons and marked text inside a row keep their own meaning.
        const target = event.target as HTMLElement;
        const inner =
          target.closest("a, button, input, [data-choice]") ||
          !event.currentTarget.contains(target);
        if (!inner && !window.getSelection()?.toString()) open();
      }}
      onKeyDown={(event) => {
        if (event.target !== event.currentTarget) return;
        if (event.key === "Enter") open();
        if (event.key === " " && choice) {
          event.preventDefault();
          if (choice !== "full") props.choose?.(props.rowKey, choice !== "chosen");
        }
      }}
    >
      {choice && (
        <td data-choice className={classes.choice}>
          <Checkbox
            size="xs"
            aria-label={props.labelOf?.(row)}
            checked={choice === "chosen"}
            disabled={choice === "full"}
            onChange={(event) => props.choose?.(props.rowKey, event.currentTarget.checked)}
          />
        </td>
      )}
      {columns.map((column, number) => (
        <td
          key={column.id}
          data-align={column.align}
          data-label={column.header}
          data-lead={number === 0 ? true : undefined}
          data-quiet={column.isQuiet?.(row) ? true : undefined}
        >
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

/** Arrow keys, Home, End and page keys move between rows; one row is in the tab order. */
function useRowKeyboard(
  count: number,
  scrollTo: (index: number) => void,
  scroller: React.RefObject<HTMLDivElement | null>,
) {
  const [current, setCurrent] = useState(0);
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: 10,
      PageUp: -10,
      Home: -count,
      End: count,
    };
    const step = steps[event.key];
    if (step === undefined || count === 0) return;
    // A menu of a row is drawn elsewhere, and has arrow keys of its own.
    if (!event.currentTarget.contains(event.target as Node)) return;
    event.preventDefault();
    const next = Math.min(count - 1, Math.max(0, current + step));
    setCurrent(next);
    scrollTo(next);
    // The row may have to be drawn first.
    requestAnimationFrame(() =>
      scroller.current?.querySelector<HTMLElement>(`tr[data-index="${next}"]`)?.focus(),
    );
  };
  // Of a list that became shorter, the last row is in the tab order.
  return { current: Math.min(current, count - 1), setCurrent, onKeyDown };
}

function Footer<Row>({ source }: { source: RowSource<Row> }) {
  const { t } = useTranslation();
  if (source.isPending || source.rows.length === 0) return null;
  if (source.error) return <ProblemPanel error={source.error} onRetry={source.refetch} />;
  const count = formatNumber(source.rows.length);
  const text = source.isFetchingNextPage
    ? t("common.footer.loading_more")
    : source.hasNextPage
      ? t("common.footer.shown", { number: count })
      : t("common.footer.all_shown", { number: count });
  return (
    <Text size="xs" c="dimmed" className={classes.footer} role="status">
      {text}
    </Text>
  );
}
