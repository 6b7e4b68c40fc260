import { Tooltip, type TooltipProps } from "@mantine/core";
import { cloneElement, type HTMLAttributes, type ReactElement, useState } from "react";

interface HintProps extends Omit<TooltipProps, "children"> {
  children: ReactElement<HTMLAttributes<Element>>;
}

/**
 * A tooltip that costs nothing until a pointer comes near: a list draws hundreds of them, and
 * nobody looks at more than one. For what can have the focus, use Tooltip itself.
 */
export function Hint({ children, ...tooltip }: HintProps) {
  const [wanted, setWanted] = useState(false);
  if (!wanted) return cloneElement(children, { onPointerEnter: () => setWanted(true) });
  return <Tooltip {...tooltip}>{children}</Tooltip>;
}
