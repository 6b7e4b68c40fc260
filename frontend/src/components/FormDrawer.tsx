import { Button, Drawer, Group, Stack } from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemPanel } from "./ProblemPanel";

interface FormDrawerProps {
  title: string;
  opened: boolean;
  onClose: () => void;
  onSubmit: (event: FormEvent<HTMLFormElement>) => void;
  submitLabel?: string;
  isPending: boolean;
  error: unknown;
  /** Wide for forms with parts inside of parts. */
  size?: "md" | "xl";
  children: ReactNode;
}

/** A form beside the list that it belongs to; stays open, with what was typed, after an error. */
export function FormDrawer(props: FormDrawerProps) {
  const { t } = useTranslation();
  return (
    <Drawer
      opened={props.opened}
      onClose={props.onClose}
      position="right"
      size={props.size ?? "md"}
      title={props.title}
      closeButtonProps={{ "aria-label": t("common.actions.close") }}
    >
      <form
        onSubmit={(event) => {
          event.stopPropagation(); // it may stand inside of a form that is saved by itself
          props.onSubmit(event);
        }}
        noValidate
      >
        <Stack>
          {props.children}
          {/* Beside the button: the beginning of a long form is out of sight. */}
          {props.error ? <ProblemPanel error={props.error} /> : null}
          <Group justify="flex-end">
            <Button variant="default" onClick={props.onClose}>
              {t("common.actions.cancel")}
            </Button>
            <Button type="submit" loading={props.isPending}>
              {props.submitLabel ?? t("common.actions.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Drawer>
  );
}
