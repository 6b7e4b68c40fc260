import {
  Button,
  Checkbox,
  NumberInput,
  Select,
  Stack,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { StorageKind } from "@/api/models";
import { AccountChoice, SecretAgain } from "@/pages/accounts/AccountChoice";
import { AccountForm } from "@/pages/accounts/AccountForm";
import { CHOICES, NEEDS, type Option, type PlaceValues } from "./place";

export type PlaceForm = UseFormReturnType<PlaceValues>;

interface FieldsProps {
  form: PlaceForm;
}

/** Where it is: just what its kind needs. */
export function AddressFields({ form, isNew }: FieldsProps & { isNew: boolean }) {
  const { t } = useTranslation();
  const { kind } = form.values;
  const needs = NEEDS[kind];
  return (
    <>
      {needs.host && <HostFields form={form} />}
      {needs.url && (
        <TextInput
          label={t("storage.fields.url")}
          description={kind === "s3" ? t("storage.fields.url_s3_hint") : undefined}
          placeholder="https://"
          required={needs.url === "required"}
          spellCheck={false}
          {...form.getInputProps("url")}
        />
      )}
      {isNew && (
        <TextInput
          label={t(`storage.path.${kind}`)}
          description={t(`storage.path_hint.${kind}`)}
          required={needs.path === "required"}
          spellCheck={false}
          {...form.getInputProps("path")}
        />
      )}
      {needs.host_key && (
        <Textarea
          label={t("wizard.fields.host_key")}
          description={t("storage.fields.host_key_hint")}
          required
          autosize
          spellCheck={false}
          {...form.getInputProps("host_key")}
        />
      )}
      {needs.account && <AccountField form={form} isRequired={needs.account === "required"} />}
    </>
  );
}

const PORTS: Partial<Record<StorageKind, string>> = { cifs: "445", sftp: "22", rsync: "873" };

function HostFields({ form }: FieldsProps) {
  const { t } = useTranslation();
  return (
    <>
      <TextInput
        label={t("wizard.fields.host")}
        required
        spellCheck={false}
        {...form.getInputProps("host")}
      />
      <NumberInput
        label={t("wizard.fields.port")}
        placeholder={PORTS[form.values.kind]}
        min={1}
        max={65_535}
        thousandSeparator=""
        {...form.getInputProps("port")}
      />
    </>
  );
}

/** Who logs on; the secret is asked for again when it would go to a new address. */
function AccountField({ form, isRequired }: FieldsProps & { isRequired: boolean }) {
  const { t } = useTranslation();
  const [isAdding, setAdding] = useState(false);
  const { service_account_id: id, secret } = form.values;
  const isAsked = Boolean(form.errors.secret) || secret !== "" || form.isTouched("secret");
  return (
    <Stack gap="xs" align="flex-start">
      <AccountChoice
        label={t("storage.fields.account")}
        w="100%"
        clearable={!isRequired}
        {...form.getInputProps("service_account_id")}
        required={isRequired}
      />
      <Button
        variant="default"
        size="xs"
        leftSection={<IconPlus size={14} aria-hidden />}
        onClick={() => setAdding(true)}
      >
        {t("accounts.add")}
      </Button>
      {id !== null && isAsked && (
        <SecretAgain accountId={id} w="100%" {...form.getInputProps("secret")} />
      )}
      {isAdding && (
        <AccountForm
          account={null}
          onClose={() => setAdding(false)}
          onAdded={(account) => form.setFieldValue("service_account_id", account.id)}
        />
      )}
    </Stack>
  );
}

/** How much of it may be used. */
export function RoomFields({ form }: FieldsProps) {
  const { t } = useTranslation();
  const size = { suffix: " GB", min: 0, decimalScale: 9, thousandSeparator: "" };
  const { kind, keep_free_bytes } = form.values;
  // What was typed for another kind can be taken back.
  const isKept = !NEEDS[kind].untold || Number(keep_free_bytes) > 0;
  return (
    <>
      {isKept && (
        <NumberInput
          label={t("storage.fields.keep_free")}
          description={t("storage.fields.keep_free_hint")}
          {...size}
          {...form.getInputProps("keep_free_bytes")}
        />
      )}
      <NumberInput
        label={t("storage.fields.quota")}
        description={t("storage.fields.quota_hint")}
        placeholder={t("storage.fields.quota_none")}
        {...size}
        {...form.getInputProps("quota_bytes")}
      />
    </>
  );
}

/** What most leave as it is. */
export function OptionFields({ form, isNew }: FieldsProps & { isNew: boolean }) {
  const { t } = useTranslation();
  const { kind } = form.values;
  const { options } = NEEDS[kind];
  const isWrong = options.some((option) => form.errors[`options.${option}`]);
  return (
    <details open={isWrong || undefined}>
      <Text component="summary" size="sm" style={{ cursor: "pointer" }}>
        {t("storage.more")}
      </Text>
      <Stack pt="sm">
        {options.map((option) => (
          <OptionField key={option} form={form} option={option} />
        ))}
        <TextInput
          label={t("storage.fields.zone")}
          description={t("storage.fields.zone_hint")}
          required
          {...form.getInputProps("zone")}
        />
        {isNew && kind !== "cifs" && (
          <Checkbox
            label={t("storage.fields.case_insensitive")}
            description={t("storage.fields.case_insensitive_hint")}
            {...form.getInputProps("case_insensitive", { type: "checkbox" })}
          />
        )}
      </Stack>
    </details>
  );
}

function OptionField({ form, option }: FieldsProps & { option: Option }) {
  const { t } = useTranslation();
  const choices = CHOICES[option];
  const field = {
    label: t(`storage.option.${option}`),
    description: t(`storage.option_hint.${option}`),
    ...form.getInputProps(`options.${option}`),
    value: form.values.options[option] ?? "",
  };
  if (!choices) return <TextInput spellCheck={false} {...field} />;
  const names: Record<string, string> = {
    true: t("common.yes"),
    false: t("common.no"),
    read_back: t("storage.proof.read_back"),
    storage_checksum: t("storage.proof.storage_checksum"),
  };
  return (
    <Select
      {...field}
      placeholder={t("storage.as_usual")}
      data={choices.map((value) => ({ value, label: names[value] ?? value }))}
      value={field.value || null}
      onChange={(value) => form.setFieldValue(`options.${option}`, value ?? "")}
      clearable
    />
  );
}
