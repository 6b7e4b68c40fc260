import { Stack } from "@mantine/core";
import { IconAlertCircle, IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import classes from "./NoteBox.module.css";

interface NoteBoxProps {
  /** "bad" is what went wrong now and is read out at once; "warning" is how things stand. */
  tone: "bad" | "warning";
  children: ReactNode;
}

/** The frame of what a person should read first: a sign, and what it is about. */
export function NoteBox({ tone, children }: NoteBoxProps) {
  const Sign = tone === "bad" ? IconAlertCircle : IconAlertTriangle;
  return (
    <div className={classes.box} data-tone={tone} role={tone === "bad" ? "alert" : undefined}>
      <Sign size={19} className={classes.icon} aria-hidden />
      <Stack gap={3} miw={0}>
        {children}
      </Stack>
    </div>
  );
}
