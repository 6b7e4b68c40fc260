import type { ReactNode } from "react";

/** One column: what it is called, what it shows of a row. */
export interface Column<Row> {
  id: string;
  header: string;
  cell: (row: Row) => ReactNode;
  /** A CSS width; columns without one share what is left. */
  width?: string;
  /** Numbers stand right, so that they can be compared. */
  align?: "end";
  /** Hidden until the person chooses it. */
  hidden?: boolean;
  /** Whether a row's value is not worth its line on a phone. */
  isQuiet?: (row: Row) => boolean;
}

/** The part of an endless query that a table needs. */
export interface RowSource<Row> {
  rows: Row[];
  isPending: boolean;
  /** Rows of the last filter, shown until those of this one are here. */
  isOld?: boolean;
  error: unknown;
  hasNextPage?: boolean;
  isFetchingNextPage?: boolean;
  fetchNextPage?: () => void;
  refetch: () => void;
}

/** Rows that a person has chosen; it outlives scrolling and other filters. */
export interface RowChoice<Row> {
  chosen: ReadonlySet<string>;
  choose: (key: string, isChosen: boolean) => void;
  /** No further row can be chosen. */
  isFull: boolean;
  /** What choosing a row is called, for those who hear it. */
  labelOf: (row: Row) => string;
}

export interface DataTableProps<Row> {
  /** Names the table for those who hear it, and its kept choices. */
  name: string;
  label: string;
  columns: Column<Row>[];
  source: RowSource<Row>;
  rowKey: (row: Row) => string;
  /** Where a row leads: Enter and click go there. */
  rowHref?: (row: Row) => string;
  empty: { title: string; hint?: string; action?: ReactNode };
  /** Stands left of the view options. */
  toolbar?: ReactNode;
  /** Whether an empty list is due to filters. */
  isFiltered?: boolean;
  /** The whole list with its filters as CSV. */
  csvHref?: string;
  /** Other ways to take the list along. */
  downloads?: ReactNode;
  /** Gives each row a checkbox. */
  choice?: RowChoice<Row>;
  /** Stands between the toolbar and the rows: what is done with the chosen ones. */
  choiceBar?: ReactNode;
}
