import { Fragment, type ReactNode } from "react";
import classes from "./Facts.module.css";

export type Fact = [label: string, value: ReactNode];

interface FactsProps {
  items: (Fact | false | null | undefined)[];
  /** The names are somebody's data, too: nobody translates them. */
  isData?: boolean;
}

/** Names and values; those without a value are left out. */
export function Facts({ items, isData = false }: FactsProps) {
  return (
    <dl className={classes.facts}>
      {items
        .filter((item): item is Fact => Boolean(item))
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([label, value]) => (
          <Fragment key={label}>
            <dt translate={isData ? "no" : undefined}>{label}</dt>
            <dd>{value}</dd>
          </Fragment>
        ))}
    </dl>
  );
}
