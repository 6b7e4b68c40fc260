import { Button, Group, Text } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Code } from "./Mono";
import { NoteBox } from "./NoteBox";
import { problemTexts } from "./problems";

interface ProblemPanelProps {
  error: unknown;
  /** Tries again; without it no button is shown. */
  onRetry?: (() => void) | undefined;
}

/** An error where its content would be: cause, remedy, code, and a way on. */
export function ProblemPanel({ error, onRetry }: ProblemPanelProps) {
  const { t } = useTranslation();
  const texts = problemTexts(error, t);
  return (
    <NoteBox tone="bad">
      <Text fw={600}>{texts.title}</Text>
      {texts.detail && texts.detail !== texts.title && <Text size="sm">{texts.detail}</Text>}
      <Text size="sm">{texts.remedy}</Text>
      <Group gap="md" mt={4}>
        {onRetry && (
          <Button
            variant="default"
            size="xs"
            leftSection={<IconRefresh size={14} />}
            onClick={onRetry}
          >
            {t("common.actions.try_again")}
          </Button>
        )}
        <Text size="xs" c="dimmed">
          {t("common.error.code")} <Code>{texts.code}</Code>
          {texts.requestId && (
            <>
              {" · "}
              {t("common.error.request", { id: texts.requestId })}
            </>
          )}
        </Text>
      </Group>
    </NoteBox>
  );
}
