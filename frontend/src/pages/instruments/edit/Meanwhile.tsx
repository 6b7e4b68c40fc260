import { Button, Group, Text } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { NoteBox } from "@/components/NoteBox";
import type { EditGroup, Merged } from "./values";

interface MeanwhileProps {
  /** Somebody else saved something since the form began. */
  isOutrun: boolean;
  /** What came of it the last time. */
  merged: Merged | null;
  onTakeOver: () => Promise<void>;
}

/** Somebody else's edit: nothing typed is lost, and nobody's change is undone unseen. */
export function Meanwhile({ isOutrun, merged, onTakeOver }: MeanwhileProps) {
  const { t } = useTranslation();
  const [isReading, setReading] = useState(false);
  if (isOutrun) {
    return (
      <NoteBox tone="bad">
        <Text fw={600}>{t("instruments.edit.meanwhile.title")}</Text>
        <Text size="sm">{t("instruments.edit.meanwhile.text")}</Text>
        <Group mt={4}>
          <Button
            variant="default"
            size="xs"
            leftSection={<IconRefresh size={14} />}
            loading={isReading}
            onClick={() => {
              setReading(true);
              void onTakeOver().finally(() => setReading(false));
            }}
          >
            {t("instruments.edit.meanwhile.button")}
          </Button>
        </Group>
      </NoteBox>
    );
  }
  if (merged === null) return null;
  const names = (groups: EditGroup[]) =>
    groups.map((group) => t(`instruments.edit.group.${group}`)).join(", ");
  return (
    <NoteBox tone="warning">
      <Text fw={600} role="status">
        {t("instruments.edit.meanwhile.done")}
      </Text>
      {merged.theirs.length > 0 && (
        <Text size="sm">
          {t("instruments.edit.meanwhile.theirs", { fields: names(merged.theirs) })}
        </Text>
      )}
      {merged.both.length > 0 && (
        <Text size="sm">
          {t("instruments.edit.meanwhile.both", { fields: names(merged.both) })}
        </Text>
      )}
    </NoteBox>
  );
}
