import { PasswordInput, Radio, Select, Stack, Textarea, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ServiceAccountCreateSecretKind as Kind } from "@/api/models";
import { AccountChoice, SecretAgain } from "@/pages/accounts/AccountChoice";
import type { SourceForm } from "./SourceStep";

/** Who logs on: an account that is stored, or a new one. */
export function AccountFields({ form }: { form: SourceForm }) {
  const { t } = useTranslation();
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
        <NewAccount form={form} />
      ) : (
        <>
          <AccountChoice
            label={t("wizard.account.existing")}
            {...form.getInputProps("account_id")}
          />
          <SecretAgain accountId={form.values.account_id} {...form.getInputProps("secret")} />
        </>
      )}
    </>
  );
}

function NewAccount({ form }: { form: SourceForm }) {
  const { t } = useTranslation();
  // Globus logs programs on, not people.
  const isClient = form.values.protocol === "globus";
  const secret = {
    label: t(isClient ? "wizard.fields.client_secret" : "accounts.fields.secret"),
    description: t("accounts.fields.secret_hint"),
    required: true,
    autoComplete: "off",
    ...form.getInputProps("secret"),
  };
  return (
    <>
      <TextInput
        label={t(isClient ? "wizard.fields.client_id" : "accounts.fields.username")}
        description={form.values.protocol === "s3" ? t("accounts.fields.username_hint") : undefined}
        required
        autoComplete="off"
        {...form.getInputProps("username")}
      />
      <Select
        label={t("accounts.fields.secret_kind")}
        data={Object.values(Kind).map((value) => ({ value, label: t(`accounts.kind.${value}`) }))}
        allowDeselect={false}
        {...form.getInputProps("secret_kind")}
      />
      {form.values.secret_kind === "private_key" ? (
        <Textarea autosize minRows={4} maxRows={10} spellCheck={false} {...secret} />
      ) : (
        <PasswordInput {...secret} />
      )}
    </>
  );
}
