import { Button, Drawer, Group, Radio, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { StorageKind, type StorageRead } from "@/api/models";
import { useChangeStorage, useCreateStorage } from "@/api/storage";
import { FormDrawer } from "@/components/FormDrawer";
import { fieldErrors } from "@/components/problems";
import { AddressFields, OptionFields, type PlaceForm, RoomFields } from "./PlaceFields";
import {
  addressOf,
  EMPTY_PLACE,
  isElsewhere,
  isKind,
  NEEDS,
  type PlaceValues,
  placeBody,
  placeChanges,
  placeValuesOf,
} from "./place";
import { StorageCheck } from "./StorageCheck";

interface StorageFormProps {
  /** null makes a new one. */
  storage: StorageRead | null;
  onClose: () => void;
}

/** A place to deliver to: its kind and address, then the test of both. */
export function StorageForm({ storage, onClose }: StorageFormProps) {
  const [saved, setSaved] = useState<StorageRead | null>(null);
  if (saved) return <Tested storage={saved} onClose={onClose} />;
  return storage === null ? (
    <AddStorage onClose={onClose} onSaved={setSaved} />
  ) : (
    <EditStorage storage={storage} onClose={onClose} onSaved={setSaved} />
  );
}

function Tested({ storage, onClose }: { storage: StorageRead; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="md"
      title={t("storage.check.title", { name: storage.name })}
      closeButtonProps={{ "aria-label": t("common.actions.close") }}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          {t("storage.check.saved")}
        </Text>
        <StorageCheck storage={storage} />
        <Group justify="flex-end">
          <Button onClick={onClose}>{t("storage.check.done")}</Button>
        </Group>
      </Stack>
    </Drawer>
  );
}

function usePlaceForm(initialValues: PlaceValues): PlaceForm {
  const { t } = useTranslation();
  const missing = t("storage.required");
  const needs =
    (isNeeded: (need: (typeof NEEDS)[StorageKind]) => boolean | undefined) =>
    (value: string | null, { kind }: PlaceValues) =>
      isNeeded(NEEDS[kind]) && !value?.trim() ? missing : null;
  return useForm<PlaceValues>({
    initialValues,
    validateInputOnBlur: true,
    validate: {
      name: (value) => (value.trim() ? null : missing),
      zone: (value) => (value.trim() ? null : missing),
      path: needs(({ path }) => path === "required"),
      host: needs(({ host }) => host),
      url: needs(({ url }) => url === "required"),
      host_key: needs(({ host_key }) => host_key),
      service_account_id: needs(({ account }) => account === "required"),
      keep_free_bytes: (value) => (value === "" ? missing : null),
    },
  });
}

interface OneForm {
  onClose: () => void;
  onSaved: (storage: StorageRead) => void;
}

function AddStorage({ onClose, onSaved }: OneForm) {
  const { t } = useTranslation();
  const create = useCreateStorage();
  const form = usePlaceForm(EMPTY_PLACE);
  return (
    <FormDrawer
      title={t("storage.add")}
      opened
      onClose={onClose}
      isPending={create.isPending}
      error={create.error}
      submitLabel={t("common.actions.add")}
      onSubmit={form.onSubmit((values) =>
        create.mutate(placeBody(values), {
          onSuccess: onSaved,
          onError: (error) => form.setErrors(fieldErrors(error)),
        }),
      )}
    >
      <Radio.Group label={t("storage.columns.kind")} {...form.getInputProps("kind")}>
        <Stack gap="xs" mt={6}>
          {Object.values(StorageKind).map((kind) => (
            <Radio
              key={kind}
              value={kind}
              label={t(`storage.kind.${kind}`)}
              description={t(`storage.kind_hint.${kind}`)}
            />
          ))}
        </Stack>
      </Radio.Group>
      <TextInput label={t("storage.fields.name")} required {...form.getInputProps("name")} />
      <AddressFields form={form} isNew />
      <RoomFields form={form} />
      <OptionFields form={form} isNew />
    </FormDrawer>
  );
}

function EditStorage({ storage, onClose, onSaved }: OneForm & { storage: StorageRead }) {
  const { t } = useTranslation();
  const change = useChangeStorage(storage);
  const base = placeValuesOf(storage);
  const form = usePlaceForm(base);
  const save = (values: PlaceValues) => {
    const changes = placeChanges(base, values);
    if (Object.keys(changes).length === 0) return onClose();
    change.mutate(values.secret ? { ...changes, secret: values.secret } : changes, {
      onSuccess: (saved) => (isElsewhere(changes) ? onSaved(saved) : onClose()),
      onError: (error) => form.setErrors(fieldErrors(error)),
    });
  };
  return (
    <FormDrawer
      title={t("storage.edit", { name: storage.name })}
      opened
      onClose={onClose}
      isPending={change.isPending}
      error={change.error}
      onSubmit={form.onSubmit(save)}
    >
      <Text size="sm">
        {isKind(storage.kind) && t(`storage.kind.${storage.kind}`)}
        {": "}
        <span translate="no" style={{ overflowWrap: "anywhere" }}>
          {addressOf(storage)}
        </span>
      </Text>
      <Text size="sm" c="dimmed">
        {t("storage.fixed")}
      </Text>
      <TextInput label={t("storage.fields.name")} required {...form.getInputProps("name")} />
      <AddressFields form={form} isNew={false} />
      <RoomFields form={form} />
      <OptionFields form={form} isNew={false} />
    </FormDrawer>
  );
}
