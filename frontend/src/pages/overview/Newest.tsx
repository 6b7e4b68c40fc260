import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { NewestFile } from "@/api/models";
import { CopyButton } from "@/components/CopyButton";
import { NameLink, TextLink } from "@/components/links";
import { PathText } from "@/components/Mono";
import rows from "@/components/Rows.module.css";
import { Section } from "@/components/Section";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";

/** The newest files that the person may see, and since when each is safe. */
export function Newest({ files }: { files: NewestFile[] }) {
  const { t } = useTranslation();
  return (
    <Section
      title={t("overview.newest.title")}
      hint={t("overview.newest.hint")}
      actions={
        <TextLink to="/files" size="sm">
          {t("common.actions.show_all")}
        </TextLink>
      }
    >
      {files.length === 0 && <Text size="sm">{t("overview.newest.empty")}</Text>}
      <ul className={rows.list}>
        {files.map((file) => (
          <li key={file.id} className={rows.row}>
            <div className={rows.words} style={{ flexBasis: 270 }}>
              <NameLink to="/files/$fileId" params={{ fileId: file.id }} size="sm" display="block">
                <PathText path={file.path} />
              </NameLink>
              <Text size="xs" c="dimmed" component="div">
                <span translate="no">{file.instrument_name}</span>
                {" · "}
                {file.safe_since ? (
                  <>
                    {t("overview.newest.safe")} <Time at={file.safe_since} />
                  </>
                ) : (
                  <Time at={file.first_seen_at} />
                )}
              </Text>
            </div>
            <Group gap={6}>
              <StatusBadge status={file.status} sentence={file.reason ?? undefined} />
              {file.ark && <CopyButton value={file.ark} label={t("files.copy_ark")} />}
            </Group>
          </li>
        ))}
      </ul>
    </Section>
  );
}
