import { Button, Group, Image, Skeleton, Stack, Text } from "@mantine/core";
import { IconPencil, IconTag } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { metadataQuery, previewHref } from "@/api/metadata";
import type { HookAnswerRead, MetadataRead } from "@/api/models";
import { CauseNote } from "@/components/CauseNote";
import { Facts } from "@/components/Facts";
import { Hint } from "@/components/Hint";
import { TextLink } from "@/components/links";
import { NoteBox } from "@/components/NoteBox";
import { Pill } from "@/components/Pill";
import { Section } from "@/components/Section";
import { EditMetadata } from "./EditMetadata";
import type { Curve } from "./PreviewCurve";

const PreviewCurve = lazy(() => import("./PreviewCurve"));

/** What is known of a file: what hooks said of it, and what people say, which goes first. */
export function FileMetadata({ fileId }: { fileId: string }) {
  const { t } = useTranslation();
  const { data } = useQuery(metadataQuery(fileId));
  const [isEditing, setEditing] = useState(false);
  if (!data) return null;
  const isEmpty = Object.keys(data.fields).length === 0 && data.tags.length === 0;
  return (
    <Section
      anchor="metadata"
      title={t("files.metadata.title")}
      actions={
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPencil size={14} />}
          onClick={() => setEditing(true)}
        >
          {t("common.actions.edit")}
        </Button>
      }
    >
      {data.answers.map((answer) => (
        <PreviewOf key={answer.hook_id} fileId={fileId} answer={answer} />
      ))}
      {isEmpty && (
        <Text size="sm" c="dimmed">
          {t("files.metadata.empty")}
        </Text>
      )}
      {data.tags.length > 0 && (
        <Group gap={6} aria-label={t("files.metadata.tags")} role="group">
          {data.tags.map((tag) => (
            <Pill key={tag} icon={IconTag} color="gray">
              <TextLink to="/files" search={{ tag }} translate="no">
                {tag}
              </TextLink>
            </Pill>
          ))}
        </Group>
      )}
      <Facts
        isData
        items={flat(data.fields).map(({ name, of, value }) => fact(name, of, value, data))}
      />
      <Notices data={data} />
      {data.waiting
        .filter((one) => one.error_code)
        .map((one) => (
          <CauseNote
            key={one.hook_id}
            code={one.error_code as string}
            detail={`${one.hook_name}: ${one.error_detail ?? ""}`}
            remedy={one.remedy}
          />
        ))}
      {isEditing && <EditMetadata data={data} onClose={() => setEditing(false)} />}
    </Section>
  );
}

interface Flat {
  name: string;
  /** The field that it is a part of. */
  of: string;
  value: unknown;
}

/** What stands inside of a field has a line of its own: "nmr.nucleus". */
export function flat(fields: Record<string, unknown>, before = "", of = ""): Flat[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    const name = before + key;
    const isPart = typeof value === "object" && value !== null && !Array.isArray(value);
    return isPart
      ? flat(value as Record<string, unknown>, `${name}.`, of || key)
      : [{ name, of: of || key, value }];
  });
}

function inWords(value: unknown): string {
  if (Array.isArray(value)) return value.map(inWords).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function fact(
  name: string,
  of: string,
  value: unknown,
  data: MetadataRead,
): [string, React.ReactNode] {
  return [name, <Value key={name} name={of} value={value} data={data} />];
}

/** A value, and who said it. */
function Value({ name, value, data }: { name: string; value: unknown; data: MetadataRead }) {
  const { t } = useTranslation();
  const byPerson = data.note !== null && name in (data.note.fields ?? {});
  const hook = data.answers.findLast((one) => name in one.fields);
  const source = byPerson
    ? t("files.metadata.by_person")
    : t("files.metadata.by_hook", { hook: hook?.hook_name, version: hook?.hook_version });
  return (
    <Hint label={source}>
      <span translate="no" style={{ overflowWrap: "anywhere" }}>
        {inWords(value)}
      </span>
    </Hint>
  );
}

function Notices({ data }: { data: MetadataRead }) {
  const notices = data.answers.flatMap((answer) =>
    answer.notices.map((notice) => ({ ...notice, hook: answer.hook_name })),
  );
  const warnings = notices.filter((notice) => notice.level === "warning");
  const others = notices.filter((notice) => notice.level !== "warning");
  return (
    <>
      {(warnings.length > 0 || data.problems.length > 0) && (
        <NoteBox tone="warning">
          {warnings.map((one) => (
            <Text key={`${one.hook} ${one.text}`} size="sm" translate="no">
              {one.hook}: {one.text}
            </Text>
          ))}
          {data.problems.map((one) => (
            <Text key={one} size="sm">
              {one}
            </Text>
          ))}
        </NoteBox>
      )}
      {others.map((one) => (
        <Text key={`${one.hook} ${one.text}`} size="sm" c="dimmed" translate="no">
          {one.hook}: {one.text}
        </Text>
      ))}
    </>
  );
}

function PreviewOf({ fileId, answer }: { fileId: string; answer: HookAnswerRead }) {
  const { t } = useTranslation();
  const preview = answer.preview as (Curve & { kind: string; alt?: string }) | null;
  if (!preview) return null;
  if (preview.kind === "image") {
    const alt = preview.alt || t("files.metadata.picture", { hook: answer.hook_name });
    return (
      <Image
        src={previewHref(fileId, answer.hook_id, answer.at)}
        alt={alt}
        radius="sm"
        mah={260}
        fit="contain"
      />
    );
  }
  return (
    <Stack gap={4}>
      <Suspense fallback={<Skeleton height={200} />}>
        <PreviewCurve
          curve={preview}
          label={t("files.metadata.curve", { hook: answer.hook_name })}
        />
      </Suspense>
    </Stack>
  );
}
