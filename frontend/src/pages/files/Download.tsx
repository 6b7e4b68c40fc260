import { Button } from "@mantine/core";
import { IconDownload } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { contentHref, newestProven, versionsQuery } from "@/api/files";
import type { FileRead, VersionRead } from "@/api/models";
import { formatBytes } from "@/components/format";

/** The newest version that can be proven, to take along; nothing while there is none. */
export function DownloadFile({ file }: { file: FileRead }) {
  const { t } = useTranslation();
  const { data } = useQuery({ ...versionsQuery(file.id), enabled: file.latest_version > 0 });
  const version = data && newestProven(data.items);
  if (!version) return null;
  const size = formatBytes(version.size_bytes);
  const label =
    version.number === file.latest_version
      ? t("files.download.button", { size })
      : t("files.download.older", { number: version.number, size });
  return (
    <Button
      component="a"
      href={contentHref(file.id)}
      download
      variant="default"
      leftSection={<IconDownload size={16} aria-hidden />}
    >
      {label}
    </Button>
  );
}

/** One version of a file, to take along. */
export function DownloadVersion({ fileId, version }: { fileId: string; version: VersionRead }) {
  const { t } = useTranslation();
  return (
    <Button
      component="a"
      href={contentHref(fileId, version.number)}
      download
      variant="default"
      size="compact-xs"
      leftSection={<IconDownload size={14} aria-hidden />}
    >
      {t("files.download.of_version", {
        number: version.number,
        size: formatBytes(version.size_bytes),
      })}
    </Button>
  );
}
