import { Button, Group, Paper, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import { archiveQuery, MOST_NAMED, zipHref } from "@/api/files";
import type { FileRead } from "@/api/models";
import { formatBytes, formatNumber } from "@/components/format";
import type { RowChoice } from "@/components/table";
import { ArchiveButton, LeftOut } from "./Archive";

/** The files that a person has ticked, whatever the list shows meanwhile. */
export function useChosenFiles(): RowChoice<FileRead> & { clear: () => void } {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const choose = useCallback((id: string, isChosen: boolean) => {
    setChosen((before) => {
      const next = new Set(before);
      if (!isChosen) next.delete(id);
      else if (next.size < MOST_NAMED) next.add(id);
      return next;
    });
  }, []);
  const clear = useCallback(() => setChosen(new Set()), []);
  const labelOf = useCallback((file: FileRead) => t("files.chosen.one", { path: file.path }), [t]);
  return { chosen, choose, clear, labelOf, isFull: chosen.size >= MOST_NAMED };
}

interface ChosenFilesProps {
  chosen: ReadonlySet<string>;
  onClear: () => void;
}

/** How many files are ticked and how large they are, to download or to let go. */
export function ChosenFiles({ chosen, onClear }: ChosenFilesProps) {
  const { t } = useTranslation();
  const id = [...chosen].sort();
  const { data, error, isPlaceholderData } = useQuery({
    ...archiveQuery({ id }),
    enabled: id.length > 0,
  });
  // The size of the last choice would stand beside the number of this one.
  const size = isPlaceholderData ? undefined : data;
  if (id.length === 0) return null;
  const words = { count: id.length, number: formatNumber(id.length) };
  const clear = () => {
    onClear();
    // The button that had the focus is gone.
    document.querySelector<HTMLElement>("tr[data-index][tabindex='0']")?.focus();
  };
  return (
    <Paper component="section" withBorder px="md" py={8} aria-label={t("files.chosen.title")}>
      <Group gap="md">
        <Text fw={600} size="sm" role="status">
          {size
            ? t("files.chosen.size", { ...words, size: formatBytes(size.size_bytes) })
            : t("files.chosen.count", words)}
        </Text>
        {size && <LeftOut count={size.left_out} />}
        {error && (
          <Text size="sm" role="alert">
            {error.message}
          </Text>
        )}
        {id.length >= MOST_NAMED && (
          <Text size="sm">{t("files.chosen.full", { number: formatNumber(MOST_NAMED) })}</Text>
        )}
        <Group gap="xs" ms="auto">
          <ArchiveButton href={zipHref({ id })} size={size} />
          <Button size="xs" variant="default" onClick={clear}>
            {t("common.actions.clear")}
          </Button>
        </Group>
      </Group>
    </Paper>
  );
}
