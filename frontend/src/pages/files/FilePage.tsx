import { Grid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { fileQuery } from "@/api/files";
import type { FileRead } from "@/api/models";
import { Bytes } from "@/components/Bytes";
import { CauseNote } from "@/components/CauseNote";
import { CopyButton } from "@/components/CopyButton";
import { Facts } from "@/components/Facts";
import { formatNumber } from "@/components/format";
import { TextLink } from "@/components/links";
import { Code } from "@/components/Mono";
import { Page } from "@/components/Page";
import { Pending } from "@/components/Pending";
import { Section } from "@/components/Section";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { useMe } from "@/contexts/session";
import { DownloadFile } from "./Download";
import { FileCopies } from "./FileCopies";
import { FileIdentifiers } from "./FileIdentifiers";
import { FileMetadata } from "./FileMetadata";
import { FileStory } from "./FileStory";
import { FileVersions } from "./FileVersions";
import { SeenBy } from "./SeenBy";

export function FilePage() {
  const { fileId } = useParams({ from: "/app/files/$fileId" });
  const query = useQuery(fileQuery(fileId));
  return <Pending query={query}>{(file) => <OneFile file={file} />}</Pending>;
}

function OneFile({ file }: { file: FileRead }) {
  const { t } = useTranslation();
  const me = useMe();
  const folder = file.path.split("/").slice(0, -1).join("/");
  return (
    <Page
      title={file.path.split("/").at(-1) ?? file.path}
      isData
      actions={<DownloadFile file={file} />}
      parent={{ to: "/files", label: t("files.title") }}
      lead={
        <Stack gap={6} align="flex-start">
          {folder && <Code>{folder}</Code>}
          <StatusBadge status={file.status} sentence={file.reason ?? undefined} />
        </Stack>
      }
    >
      {file.reason_code && (
        <CauseNote code={file.reason_code} detail={file.reason} remedy={file.remedy} />
      )}
      <Grid gap="lg">
        <Grid.Col span={{ base: 12, lg: 7 }} order={{ base: 2, lg: 1 }}>
          <FileStory fileId={file.id} />
        </Grid.Col>
        <Grid.Col span={{ base: 12, lg: 5 }} order={{ base: 1, lg: 2 }}>
          <Stack gap="lg">
            <FileIdentifiers file={file} />
            <FileCopies file={file} />
            {file.latest_version > 1 && <FileVersions file={file} />}
            <FileMetadata fileId={file.id} />
            <FileFacts file={file} />
            {me.is_superuser && <SeenBy file={file} />}
          </Stack>
        </Grid.Col>
      </Grid>
    </Page>
  );
}

function FileFacts({ file }: { file: FileRead }) {
  const { t } = useTranslation();
  return (
    <Section title={t("files.file.facts_title")}>
      <Facts
        items={[
          [
            t("files.file.facts.instrument"),
            <TextLink
              key="instrument"
              to="/instruments/$instrumentId"
              params={{ instrumentId: file.instrument_id }}
              translate="no"
            >
              {file.instrument_name}
            </TextLink>,
          ],
          [
            t("files.file.facts.path"),
            <span key="path">
              <Code>{file.path}</Code> <CopyButton value={file.path} />
            </span>,
          ],
          [t("files.file.facts.size"), <Bytes key="size" value={file.size_bytes} />],
          [t("files.file.facts.changed"), <Time key="changed" at={file.modified_at} exact />],
          [t("files.file.facts.first_seen"), <Time key="seen" at={file.first_seen_at} exact />],
          [t("files.file.facts.unchanged"), <Time key="still" at={file.unchanged_since} exact />],
          file.absent_since !== null && [
            t("files.file.facts.absent"),
            <Time key="absent" at={file.absent_since} exact />,
          ],
          file.next_try_at !== null && [
            t("files.file.facts.next_try"),
            <Time key="next" at={file.next_try_at} />,
          ],
          [
            t("files.file.facts.versions"),
            <TextLink key="versions" to="." hash={file.latest_version > 1 ? "versions" : "story"}>
              {formatNumber(file.latest_version)}
            </TextLink>,
          ],
          file.incarnation > 1 && [
            t("files.file.facts.incarnation"),
            formatNumber(file.incarnation),
          ],
        ]}
      />
    </Section>
  );
}
