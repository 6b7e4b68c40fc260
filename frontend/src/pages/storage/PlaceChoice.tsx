import { Button, Checkbox, Group, Text } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { storageQuery } from "@/api/storage";
import { Empty } from "@/components/Empty";
import { useEvery } from "@/components/useEvery";
import { addressOf } from "./place";
import { StorageForm } from "./StorageForm";
import { StorageHealth } from "./StorageHealth";

interface PlaceChoiceProps {
  hint: string;
  chosen: string[];
  onToggle: (id: string) => void;
  /** What else is decided about a place that is chosen. */
  more?: (place: StorageRead) => ReactNode;
}

/** Places to copy to, to tick, and how each is; a new one can be added on the way. */
export function PlaceChoice({ hint, chosen, onToggle, more }: PlaceChoiceProps) {
  const { t } = useTranslation();
  const { isSuccess } = useInfiniteQuery(storageQuery());
  // Nothing new goes to a place that is being emptied; one that has files of it is still named.
  const places = useEvery(storageQuery()).filter(
    (place) => place.state === "active" || chosen.includes(place.id),
  );
  const [isAdding, setAdding] = useState(false);
  return (
    <>
      <Text size="sm" c="dimmed">
        {hint}
      </Text>
      {isSuccess && places.length === 0 && <Empty title={t("wizard.storage.none")} />}
      {places.map((place) => (
        <div key={place.id}>
          <Group justify="space-between">
            <Checkbox
              checked={chosen.includes(place.id)}
              onChange={() => onToggle(place.id)}
              label={<span translate="no">{place.name}</span>}
              description={<span translate="no">{addressOf(place)}</span>}
            />
            <StorageHealth storage={place} />
          </Group>
          {chosen.includes(place.id) && more?.(place)}
        </div>
      ))}
      <Group>
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} />}
          onClick={() => setAdding(true)}
        >
          {t("wizard.storage.add")}
        </Button>
      </Group>
      {isAdding && <StorageForm storage={null} onClose={() => setAdding(false)} />}
      {chosen.length === 0 && <Text size="sm">{t("wizard.storage.needed")}</Text>}
    </>
  );
}
