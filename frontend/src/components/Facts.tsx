import { Fragment, type ReactNode } from "react";
import classes from "./Facts.module.css";

export type Fact = [label: string, value: ReactNode];

/** Names and values; those without a value are left out. */
export function Facts({ items }: { items: (Fact | false | null | undefined)[] }) {
  return (
    <dl className={classes.facts}>
      {items
        .filter((item): item is Fact => Boolean(item))
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([label, value]) => (
          <Fragment key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </Fragment>
        ))}
    </dl>
  );
}
