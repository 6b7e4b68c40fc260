import { Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { isProven, versionsQuery } from "@/api/files";
import type { FileRead, FileStatus, VersionRead } from "@/api/models";
import { Bytes } from "@/components/Bytes";
import { CopyButton } from "@/components/CopyButton";
import { TextLink } from "@/components/links";
import { Code, HashText } from "@/components/Mono";
import { Pending } from "@/components/Pending";
import { Section } from "@/components/Section";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { DownloadVersion } from "./Download";
import classes from "./FileCopies.module.css";

/** Every content that the file has had, the newest first, and where each is kept. */
export function FileVersions({ file }: { file: FileRead }) {
  const { t } = useTranslation();
  const query = useQuery(versionsQuery(file.id));
  return (
    <Section anchor="versions" title={t("files.file.facts.versions")}>
      <Pending query={query}>
        {({ items }) => (
          <div>
            {items.map((version) => (
              <Version key={version.id} fileId={file.id} version={version} />
            ))}
          </div>
        )}
      </Pending>
    </Section>
  );
}

function Version({ fileId, version }: { fileId: string; version: VersionRead }) {
  const { t } = useTranslation();
  return (
    <div className={classes.copy}>
      <Group gap="xs">
        <Text size="sm" fw={600}>
          {t("files.file.version_ids", { number: version.number })}
        </Text>
        <Text size="xs" c="dimmed" component="span">
          <Time at={version.created_at} />
          {" · "}
          <Bytes value={version.size_bytes} />
        </Text>
        {version.sha256 && (
          <Group gap={2} fz="xs">
            <HashText hash={version.sha256} />
            <CopyButton value={version.sha256} />
          </Group>
        )}
        {isProven(version) && <DownloadVersion fileId={fileId} version={version} />}
      </Group>
      {version.identifier && (
        <Group gap={4}>
          <Code>{version.identifier}</Code>
          <CopyButton value={version.identifier} label={t("files.copy_ark")} />
        </Group>
      )}
      {version.copies.map((copy) => (
        <Group key={copy.id} gap="xs">
          <TextLink
            to="/transfers/$transferId"
            params={{ transferId: copy.id }}
            size="sm"
            translate="no"
          >
            {copy.storage_name}
          </TextLink>
          <StatusBadge
            status={copy.state as FileStatus}
            sentence={copy.error_detail ?? undefined}
          />
        </Group>
      ))}
    </div>
  );
}
