import { Button, Checkbox, Group, Stack, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { storageQuery } from "@/api/storage";
import { Empty } from "@/components/Empty";
import { StorageForm } from "@/pages/storage/StorageForm";
import { StorageHealth } from "@/pages/storage/StorageHealth";
import { StepButtons, type StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

/** Where each file is copied to. */
export function StorageStep({ onNext, onBack }: StepProps) {
  const { t } = useTranslation();
  const { draft, change } = useWizard();
  const { data } = useInfiniteQuery(storageQuery());
  const [isAdding, setAdding] = useState(false);
  const places = data?.pages.flatMap((page) => page.items) ?? [];
  const toggle = (id: string) =>
    change({
      storage: draft.storage.includes(id)
        ? draft.storage.filter((one) => one !== id)
        : [...draft.storage, id],
    });
  const add = (
    <Button
      variant="default"
      size="xs"
      leftSection={<IconPlus size={14} />}
      onClick={() => setAdding(true)}
    >
      {t("wizard.storage.add")}
    </Button>
  );
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("wizard.storage.hint")}
      </Text>
      {data && places.length === 0 && <Empty title={t("wizard.storage.none")} />}
      {places.map((place) => (
        <Group key={place.id} justify="space-between">
          <Checkbox
            checked={draft.storage.includes(place.id)}
            onChange={() => toggle(place.id)}
            label={<span translate="no">{place.name}</span>}
            description={<span translate="no">{place.path}</span>}
          />
          <StorageHealth storage={place} />
        </Group>
      ))}
      <Group>{add}</Group>
      {isAdding && <StorageForm storage={null} onClose={() => setAdding(false)} />}
      {draft.storage.length === 0 && <Text size="sm">{t("wizard.storage.needed")}</Text>}
      <StepButtons onBack={onBack} onNext={onNext} disabled={draft.storage.length === 0} />
    </Stack>
  );
}
