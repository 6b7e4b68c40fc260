import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemPanel } from "./ProblemPanel";

export interface ConfirmDialogProps {
  opened?: boolean;
  /** Names the thing: "Delete instrument TEM-2?" */
  title: string;
  /** What follows from it. */
  consequences: ReactNode;
  confirmLabel: string;
  /** Whether all that it asks for is there. */
  isReady?: boolean | undefined;
  isPending: boolean;
  error: unknown;
  /** Whether something goes away. */
  danger?: boolean | undefined;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something that cannot be undone; stays open with the reason when it fails. */
export function ConfirmDialog({ opened = true, ...props }: ConfirmDialogProps) {
  const { t } = useTranslation();
  return (
    <Modal opened={opened} onClose={props.onClose} title={props.title}>
      <Stack>
        <Text size="sm" component="div">
          {props.consequences}
        </Text>
        {props.error ? <ProblemPanel error={props.error} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={props.onClose}>
            {t("common.actions.cancel")}
          </Button>
          <Button
            color={props.danger ? "red" : undefined}
            loading={props.isPending}
            disabled={props.isReady === false}
            onClick={props.onConfirm}
          >
            {props.confirmLabel}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
