import { type ReactNode, useState } from "react";
import { ConfirmDialog, type ConfirmDialogProps } from "./ConfirmDialog";

interface ConfirmProps
  extends Omit<ConfirmDialogProps, "opened" | "onClose" | "onConfirm" | "children"> {
  onConfirm: () => Promise<unknown>;
  /** The button that asks. */
  children: (ask: () => void) => ReactNode;
}

/** A button that asks first. */
export function Confirm({ children, onConfirm, ...dialog }: ConfirmProps) {
  const [opened, setOpened] = useState(false);
  const close = () => setOpened(false);
  return (
    <>
      {children(() => setOpened(true))}
      <ConfirmDialog
        {...dialog}
        opened={opened}
        onClose={close}
        onConfirm={() => {
          onConfirm().then(close, () => undefined); // the dialog shows `error`
        }}
      />
    </>
  );
}
