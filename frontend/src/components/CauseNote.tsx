import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Code } from "./Mono";
import { NoteBox } from "./NoteBox";

interface CauseNoteProps {
  code: string;
  detail: string | null;
  remedy: string | null;
}

/** Why something is as it is, what to do, and the code of the catalogue. */
export function CauseNote({ code, detail, remedy }: CauseNoteProps) {
  const { t } = useTranslation();
  return (
    <NoteBox tone="warning">
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
    </NoteBox>
  );
}
