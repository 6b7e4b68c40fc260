import { Tooltip, type TooltipProps } from "@mantine/core";
import {
  cloneElement,
  type HTMLAttributes,
  type ReactElement,
  type Ref,
  useRef,
  useState,
} from "react";

interface HintProps extends Omit<TooltipProps, "children" | "target"> {
  children: ReactElement<HTMLAttributes<Element> & { ref?: Ref<HTMLElement> }>;
}

/**
 * A tooltip that costs nothing until a pointer comes near: a list draws hundreds of them, and
 * nobody looks at more than one. For what can have the focus, use Tooltip itself.
 *
 * The tooltip comes beside its child, never around it: a child that is drawn anew under a finger
 * or pointer swallows the click that is on its way.
 */
export function Hint({ children, ...tooltip }: HintProps) {
  const target = useRef<HTMLElement>(null);
  const [wanted, setWanted] = useState(false);
  return (
    <>
      {cloneElement(children, { ref: target, onPointerEnter: () => setWanted(true) })}
      {wanted && <Tooltip {...tooltip} target={target} />}
    </>
  );
}
