import { Button, Group, Paper, Stack } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ProblemPanel } from "@/components/ProblemPanel";
import classes from "./SaveBar.module.css";

interface SaveBarProps {
  isPending: boolean;
  error: unknown;
  onCancel: () => void;
  /** What to know before saving. */
  children: ReactNode;
}

/** Save and Cancel of a long form: always in sight, with what went wrong. */
export function SaveBar({ isPending, error, onCancel, children }: SaveBarProps) {
  const { t } = useTranslation();
  return (
    <Paper p="sm" className={classes.bar}>
      <Stack gap="sm">
        <div className={classes.notes}>
          {children}
          {error ? <ProblemPanel error={error} /> : null}
        </div>
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t("common.actions.cancel")}
          </Button>
          <Button type="submit" loading={isPending}>
            {t("common.actions.save")}
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}
