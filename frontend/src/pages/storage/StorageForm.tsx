import { Checkbox, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { useChangeStorage, useCreateStorage } from "@/api/storage";
import { FormDrawer } from "@/components/FormDrawer";
import { fieldErrors } from "@/components/problems";

interface StorageFormProps {
  /** null makes a new one. */
  storage: StorageRead | null;
  onClose: () => void;
}

export function StorageForm({ storage, onClose }: StorageFormProps) {
  const { t } = useTranslation();
  return storage === null ? (
    <AddStorage onClose={onClose} title={t("storage.add")} />
  ) : (
    <EditStorage storage={storage} onClose={onClose} />
  );
}

function AddStorage({ title, onClose }: { title: string; onClose: () => void }) {
  const { t } = useTranslation();
  const create = useCreateStorage();
  const needed = (value: string) => (value.trim() ? null : t("storage.required"));
  const form = useForm({
    initialValues: { name: "", path: "", zone: "main", case_insensitive: false },
    validateInputOnBlur: true,
    validate: { name: needed, path: needed, zone: needed },
  });
  return (
    <FormDrawer
      title={title}
      opened
      onClose={onClose}
      isPending={create.isPending}
      error={create.error}
      submitLabel={t("common.actions.add")}
      onSubmit={form.onSubmit((values) =>
        create.mutate(
          { ...values, kind: "posix" },
          { onSuccess: onClose, onError: (error) => form.setErrors(fieldErrors(error)) },
        ),
      )}
    >
      <TextInput label={t("storage.fields.name")} required {...form.getInputProps("name")} />
      <TextInput
        label={t("storage.fields.path")}
        description={t("storage.fields.path_hint")}
        required
        spellCheck={false}
        {...form.getInputProps("path")}
      />
      <TextInput
        label={t("storage.fields.zone")}
        description={t("storage.fields.zone_hint")}
        required
        {...form.getInputProps("zone")}
      />
      <Checkbox
        label={t("storage.fields.case_insensitive")}
        description={t("storage.fields.case_insensitive_hint")}
        {...form.getInputProps("case_insensitive", { type: "checkbox" })}
      />
    </FormDrawer>
  );
}

function EditStorage({ storage, onClose }: { storage: StorageRead; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChangeStorage(storage);
  const needed = (value: string) => (value.trim() ? null : t("storage.required"));
  const form = useForm({
    initialValues: { name: storage.name, zone: storage.zone },
    validateInputOnBlur: true,
    validate: { name: needed, zone: needed },
  });
  return (
    <FormDrawer
      title={t("storage.edit", { name: storage.name })}
      opened
      onClose={onClose}
      isPending={change.isPending}
      error={change.error}
      onSubmit={form.onSubmit((values) =>
        change.mutate(values, {
          onSuccess: onClose,
          onError: (error) => form.setErrors(fieldErrors(error)),
        }),
      )}
    >
      <TextInput label={t("storage.fields.name")} required {...form.getInputProps("name")} />
      <TextInput
        label={t("storage.fields.zone")}
        description={t("storage.fields.zone_hint")}
        required
        {...form.getInputProps("zone")}
      />
    </FormDrawer>
  );
}
