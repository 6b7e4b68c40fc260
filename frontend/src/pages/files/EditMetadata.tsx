import { ActionIcon, Button, Group, Stack, TagsInput, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useChangeMetadata } from "@/api/metadata";
import type { MetadataRead } from "@/api/models";
import { FormDrawer } from "@/components/FormDrawer";

/** What a person says of a file: values that go before those of hooks, and tags. */
export function EditMetadata({ data, onClose }: { data: MetadataRead; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChangeMetadata(data);
  const said = data.note?.fields ?? {};
  const form = useForm({
    initialValues: {
      rows: Object.entries(said)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => ({ key: name, name, value: written(value) })),
      tags: data.tags,
    },
    validate: {
      rows: { name: (value: string) => (value.trim() ? null : t("files.metadata.required")) },
    },
  });
  const add = () => form.insertListItem("rows", { key: crypto.randomUUID(), name: "", value: "" });
  return (
    <FormDrawer
      title={t("files.metadata.edit")}
      opened
      onClose={onClose}
      isPending={change.isPending}
      error={change.error}
      onSubmit={form.onSubmit(({ rows, tags }) =>
        change.mutate(
          { ...tagsOf(data, tags), fields: fieldsOf(data, rows) },
          { onSuccess: onClose },
        ),
      )}
    >
      <Text size="sm" c="dimmed">
        {t("files.metadata.edit_hint")}
      </Text>
      <Stack gap="xs">
        {form.values.rows.map((row, at) => (
          <Group key={row.key} wrap="nowrap" align="flex-end" gap="xs">
            <TextInput
              label={t("files.metadata.name")}
              flex={1}
              {...form.getInputProps(`rows.${at}.name`)}
            />
            <TextInput
              label={t("files.metadata.value")}
              flex={1}
              {...form.getInputProps(`rows.${at}.value`)}
            />
            <ActionIcon
              aria-label={`${t("common.actions.delete")}: ${row.name}`}
              onClick={() => form.removeListItem("rows", at)}
            >
              <IconTrash size={16} />
            </ActionIcon>
          </Group>
        ))}
      </Stack>
      <Group>
        <Button variant="default" size="xs" leftSection={<IconPlus size={14} />} onClick={add}>
          {t("files.metadata.add")}
        </Button>
      </Group>
      <TagsInput
        label={t("files.metadata.tags")}
        description={t("files.metadata.tags_hint")}
        {...form.getInputProps("tags")}
      />
    </FormDrawer>
  );
}

function written(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A number, a truth value or a list stays one; everything else is text. */
export function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

type Row = { name: string; value: string };

/** What the person hid of the hooks' stays hidden; the rows are all that else is said. */
function fieldsOf(data: MetadataRead, rows: Row[]): Record<string, unknown> {
  const hidden = Object.entries(data.note?.fields ?? {}).filter(([, value]) => value === null);
  return {
    ...Object.fromEntries(hidden),
    ...Object.fromEntries(rows.map(({ name, value }) => [name.trim(), read(value)])),
  };
}

/** Tags of hooks that were taken away do not hold; others that are new are a person's. */
export function tagsOf(data: MetadataRead, tags: string[]) {
  const ofHooks = new Set(data.answers.flatMap((answer) => answer.tags));
  return {
    tags_added: tags.filter((tag) => !ofHooks.has(tag)),
    tags_removed: [...ofHooks].filter((tag) => !tags.includes(tag)),
  };
}
