import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { ProblemPanel } from "./ProblemPanel";

interface ConfirmProps {
  /** Names the thing: "Delete instrument TEM-2?" */
  title: string;
  /** What follows from it. */
  consequences: ReactNode;
  confirmLabel: string;
  isPending: boolean;
  error: unknown;
  danger?: boolean;
  onConfirm: () => Promise<unknown>;
  /** The button that asks. */
  children: (ask: () => void) => ReactNode;
}

/** Asks before something that cannot be undone; stays open with the reason when it fails. */
export function Confirm(props: ConfirmProps) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const confirm = () => {
    props.onConfirm().then(
      () => setOpened(false),
      () => undefined, // shown by `error` below
    );
  };
  return (
    <>
      {props.children(() => setOpened(true))}
      <Modal opened={opened} onClose={() => setOpened(false)} title={props.title}>
        <Stack>
          <Text size="sm" component="div">
            {props.consequences}
          </Text>
          {props.error ? <ProblemPanel error={props.error} /> : null}
          <Group justify="flex-end">
            <Button variant="default" onClick={() => setOpened(false)}>
              {t("common.actions.cancel")}
            </Button>
            <Button
              color={props.danger ? "red" : undefined}
              loading={props.isPending}
              onClick={confirm}
            >
              {props.confirmLabel}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
