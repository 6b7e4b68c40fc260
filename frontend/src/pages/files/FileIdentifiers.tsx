import { ActionIcon, Group, Popover, Skeleton, Text, Tooltip } from "@mantine/core";
import { IconQrcode } from "@tabler/icons-react";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import type { FileRead } from "@/api/models";
import { CopyButton } from "@/components/CopyButton";
import { Code } from "@/components/Mono";
import { Section } from "@/components/Section";

const QrCode = lazy(() => import("./QrCode"));
const QR_SIZE = 176;

/** How the file is cited: its ARK, and a sentence to paste. */
export function FileIdentifiers({ file }: { file: FileRead }) {
  const { t } = useTranslation();
  if (!file.ark) {
    return (
      <Section title={t("files.file.ark_title")}>
        <Text size="sm" c="dimmed">
          {t("files.file.no_ark")}
        </Text>
      </Section>
    );
  }
  const cite = t("files.file.cite_text", {
    name: file.path.split("/").at(-1),
    instrument: file.instrument_name,
    year: new Date(file.modified_at ?? file.first_seen_at).getFullYear(),
    ark: file.ark,
  });
  return (
    <Section title={t("files.file.ark_title")}>
      <Group gap={6}>
        <Code>{file.ark}</Code>
        <CopyButton value={file.ark} label={t("files.copy_ark")} />
        <Qr ark={file.ark} />
      </Group>
      <div>
        <Text size="sm" c="dimmed">
          {t("files.file.cite")}
        </Text>
        <Group gap={6} wrap="nowrap" align="flex-start">
          <Text size="sm" translate="no" style={{ overflowWrap: "anywhere" }}>
            {cite}
          </Text>
          <CopyButton value={cite} />
        </Group>
      </div>
    </Section>
  );
}

function Qr({ ark }: { ark: string }) {
  const { t } = useTranslation();
  return (
    <Popover withinPortal position="bottom">
      <Popover.Target>
        <Tooltip label={t("files.file.qr")}>
          <ActionIcon size="sm" aria-label={t("files.file.qr")}>
            <IconQrcode size={16} />
          </ActionIcon>
        </Tooltip>
      </Popover.Target>
      <Popover.Dropdown>
        <Suspense fallback={<Skeleton width={QR_SIZE} height={QR_SIZE} />}>
          <QrCode
            value={`${window.location.origin}/${ark}`}
            size={QR_SIZE}
            title={t("files.file.qr_title", { ark })}
          />
        </Suspense>
      </Popover.Dropdown>
    </Popover>
  );
}
