import { PasswordInput, Radio, Select, Stack, Textarea, TextInput } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { accountsQuery } from "@/api/accounts";
import { ServiceAccountCreateSecretKind as Kind } from "@/api/models";
import type { SourceForm } from "./SourceStep";

/** Who logs on: an account that is stored, or a new one. */
export function AccountFields({ form }: { form: SourceForm }) {
  const { t } = useTranslation();
  const { data } = useInfiniteQuery(accountsQuery());
  const accounts = data?.pages.flatMap((page) => page.items) ?? [];
  const isNew = form.values.account === "new";
  return (
    <>
      <Radio.Group label={t("wizard.account.kind")} {...form.getInputProps("account")}>
        <Stack gap={6} mt={6}>
          <Radio value="new" label={t("wizard.account.new")} />
          <Radio value="existing" label={t("wizard.account.existing")} />
        </Stack>
      </Radio.Group>
      {isNew ? (
        <>
          <TextInput
            label={t("accounts.fields.username")}
            description={
              form.values.protocol === "s3" ? t("accounts.fields.username_hint") : undefined
            }
            required
            autoComplete="off"
            {...form.getInputProps("username")}
          />
          <Select
            label={t("accounts.fields.secret_kind")}
            data={Object.values(Kind).map((value) => ({
              value,
              label: t(`accounts.kind.${value}`),
            }))}
            allowDeselect={false}
            {...form.getInputProps("secret_kind")}
          />
        </>
      ) : (
        <Select
          label={t("wizard.account.existing")}
          placeholder={t("wizard.account.none")}
          data={accounts.map((one) => ({ value: one.id, label: `${one.name} (${one.username})` }))}
          searchable
          required
          {...form.getInputProps("account_id")}
        />
      )}
      <Secret form={form} isNew={isNew} />
    </>
  );
}

function Secret({ form, isNew }: { form: SourceForm; isNew: boolean }) {
  const { t } = useTranslation();
  const props = {
    label: t(isNew ? "accounts.fields.secret" : "wizard.account.again"),
    description: t(isNew ? "accounts.fields.secret_hint" : "wizard.account.again_hint"),
    required: isNew,
    autoComplete: "off",
    ...form.getInputProps("secret"),
  };
  return isNew && form.values.secret_kind === "private_key" ? (
    <Textarea autosize minRows={4} maxRows={10} spellCheck={false} {...props} />
  ) : (
    <PasswordInput {...props} />
  );
}
