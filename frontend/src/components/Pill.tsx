import type { MantineColor } from "@mantine/core";
import type { Icon } from "@tabler/icons-react";
import type { ComponentPropsWithRef, CSSProperties, ReactNode } from "react";
import classes from "./Pill.module.css";

interface PillProps extends Omit<ComponentPropsWithRef<"span">, "color"> {
  icon: Icon;
  color: MantineColor;
  /** The icon moves while work is going on. */
  moving?: boolean | undefined;
  dotted?: boolean | undefined;
  struck?: boolean | undefined;
  children: ReactNode;
}

/** A state: icon, word and colour. The colour never stands alone. */
export function Pill({ icon: Sign, color, moving, dotted, struck, children, ...rest }: PillProps) {
  const names = [classes.badge];
  if (moving) names.push(classes.moving);
  if (dotted) names.push(classes.dotted);
  const shade = `light-dark(var(--mantine-color-${color}-8), var(--mantine-color-${color}-5))`;
  return (
    <span {...rest} className={names.join(" ")} style={{ "--badge-color": shade } as CSSProperties}>
      <Sign size={14} className={classes.icon} aria-hidden />
      <span className={struck ? classes.struck : undefined}>{children}</span>
    </span>
  );
}
