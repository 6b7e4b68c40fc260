import { Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { CopyRead, FileRead, FileStatus } from "@/api/models";
import { CauseNote } from "@/components/CauseNote";
import { TextLink } from "@/components/links";
import { PathText } from "@/components/Mono";
import { Section } from "@/components/Section";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import classes from "./FileCopies.module.css";

/** Where the newest version is kept, and how far each copy is. */
export function FileCopies({ file }: { file: FileRead }) {
  const { t } = useTranslation();
  return (
    <Section anchor="copies" title={t("files.file.copies")}>
      {file.copies.length === 0 && (
        <Text size="sm" c="dimmed">
          {t("files.file.copies_empty")}
        </Text>
      )}
      <Stack gap={0}>
        {file.copies.map((copy) => (
          <Copy key={copy.id} copy={copy} />
        ))}
      </Stack>
    </Section>
  );
}

function Copy({ copy }: { copy: CopyRead }) {
  return (
    <div className={classes.copy}>
      <div className={classes.head}>
        <TextLink
          to="/transfers/$transferId"
          params={{ transferId: copy.id }}
          size="sm"
          fw={600}
          translate="no"
        >
          {copy.storage_name}
        </TextLink>
        <StatusBadge status={copy.state as FileStatus} sentence={copy.error_detail ?? undefined} />
        <Text size="xs" c="dimmed" component="span">
          <Time at={copy.available_at ?? copy.state_since} />
        </Text>
      </div>
      <PathText path={copy.dest_path} />
      {copy.error_code && (
        <CauseNote code={copy.error_code} detail={copy.error_detail} remedy={copy.remedy} />
      )}
    </div>
  );
}
