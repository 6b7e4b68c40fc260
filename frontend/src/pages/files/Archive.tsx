import { Button, Group, Popover, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { archiveQuery, zipHref } from "@/api/files";
import type { ArchiveSizeRead, MeasureFilesParams } from "@/api/models";
import { formatBytes, formatNumber } from "@/components/format";
import { ProblemPanel } from "@/components/ProblemPanel";

/** All files of a list in one archive: how many and how large, before it is downloaded. */
export function ArchiveMenu({ filters }: { filters: MeasureFilesParams }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  return (
    <Popover
      position="bottom-end"
      withinPortal
      trapFocus
      shadow="md"
      width={320}
      opened={isOpen}
      onChange={setOpen}
    >
      <Popover.Target>
        <UnstyledButton c="dimmed" fz="sm" visibleFrom="sm" onClick={() => setOpen(!isOpen)}>
          <Group gap={6} wrap="nowrap">
            <IconDownload size={16} aria-hidden />
            {t("files.download.zip")}
          </Group>
        </UnstyledButton>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("files.download.zip")}>
        <ArchiveAhead filters={filters} />
      </Popover.Dropdown>
    </Popover>
  );
}

function ArchiveAhead({ filters }: { filters: MeasureFilesParams }) {
  const { t } = useTranslation();
  const { data: size, error, refetch } = useQuery(archiveQuery(filters));
  if (error) return <ProblemPanel error={error} onRetry={() => void refetch()} />;
  return (
    <Stack gap="xs">
      <Text fw={600} role="status">
        {size ? <ArchiveWords size={size} /> : t("files.archive.counting")}
      </Text>
      {size && <LeftOut count={size.left_out} />}
      <Text size="xs" c="dimmed">
        {t("files.download.zip_hint")}
      </Text>
      <ArchiveButton href={zipHref(filters)} size={size} />
    </Stack>
  );
}

/** "1,204 files, 2.48 GB", or at least so much. */
function ArchiveWords({ size }: { size: ArchiveSizeRead }) {
  const { t } = useTranslation();
  const words = {
    count: size.files,
    number: formatNumber(size.files),
    size: formatBytes(size.size_bytes),
  };
  return <>{size.more ? t("files.archive.least", words) : t("files.archive.size", words)}</>;
}

export function LeftOut({ count }: { count: number }) {
  const { t } = useTranslation();
  if (count === 0) return null;
  return (
    <Text size="sm">{t("files.archive.left_out", { count, number: formatNumber(count) })}</Text>
  );
}

interface ArchiveButtonProps {
  href: string;
  size: ArchiveSizeRead | undefined;
}

/** Nothing to press while nothing of it could be had. */
export function ArchiveButton({ href, size }: ArchiveButtonProps) {
  const { t } = useTranslation();
  if (size?.files === 0) return null;
  return (
    <Button
      component="a"
      href={href}
      download="files.zip"
      size="xs"
      leftSection={<IconDownload size={16} aria-hidden />}
    >
      {t("files.archive.download")}
    </Button>
  );
}
