import { Stack, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import classes from "./CauseNote.module.css";
import { Code } from "./Mono";

interface CauseNoteProps {
  code: string;
  detail: string | null;
  remedy: string | null;
}

/** Why something is as it is, what to do, and the code of the catalogue. */
export function CauseNote({ code, detail, remedy }: CauseNoteProps) {
  const { t } = useTranslation();
  return (
    <div className={classes.note}>
      <IconAlertTriangle size={18} className={classes.icon} aria-hidden />
      <Stack gap={2} miw={0}>
        {detail && (
          <Text size="sm" fw={600} translate="no">
            {detail}
          </Text>
        )}
        {remedy && (
          <Text size="sm" translate="no">
            {remedy}
          </Text>
        )}
        <Text size="xs" c="dimmed">
          {t("common.error.code")} <Code>{code}</Code>
        </Text>
      </Stack>
    </div>
  );
}
