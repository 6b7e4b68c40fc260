import { PasswordInput, Select, Textarea, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { useChangeAccount, useCreateAccount } from "@/api/accounts";
import { ServiceAccountCreateSecretKind as Kind, type ServiceAccountRead } from "@/api/models";
import { FormDrawer } from "@/components/FormDrawer";
import { fieldErrors } from "@/components/problems";

interface AccountFormProps {
  /** null makes a new one. */
  account: ServiceAccountRead | null;
  onClose: () => void;
  /** Hears of the new one. */
  onAdded?: (account: ServiceAccountRead) => void;
}

export function AccountForm({ account, onClose, onAdded }: AccountFormProps) {
  return account === null ? (
    <AddAccount onClose={onClose} onAdded={onAdded} />
  ) : (
    <EditAccount account={account} onClose={onClose} />
  );
}

function useAccountFields(account: ServiceAccountRead | null) {
  const { t } = useTranslation();
  const needed = (value: string) => (value.trim() ? null : t("accounts.required"));
  return useForm({
    initialValues: {
      name: account?.name ?? "",
      username: account?.username ?? "",
      secret_kind: (account?.secret_kind ?? "password") as Kind,
      secret: "",
    },
    validateInputOnBlur: true,
    validate: {
      name: needed,
      username: needed,
      // Another kind of secret is another secret.
      secret: (value, { secret_kind }) =>
        account?.secret_kind === secret_kind ? null : needed(value),
    },
  });
}

function AddAccount({ onClose, onAdded }: Pick<AccountFormProps, "onClose" | "onAdded">) {
  const { t } = useTranslation();
  const create = useCreateAccount();
  const form = useAccountFields(null);
  return (
    <FormDrawer
      title={t("accounts.add")}
      opened
      onClose={onClose}
      isPending={create.isPending}
      error={create.error}
      submitLabel={t("common.actions.add")}
      onSubmit={form.onSubmit((values) =>
        create.mutate(values, {
          onSuccess: (added) => {
            onAdded?.(added);
            onClose();
          },
          onError: (error) => form.setErrors(fieldErrors(error)),
        }),
      )}
    >
      <AccountFields form={form} isNew />
    </FormDrawer>
  );
}

function EditAccount({ account, onClose }: { account: ServiceAccountRead; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChangeAccount(account);
  const form = useAccountFields(account);
  return (
    <FormDrawer
      title={t("accounts.edit", { name: account.name })}
      opened
      onClose={onClose}
      isPending={change.isPending}
      error={change.error}
      onSubmit={form.onSubmit(({ secret, secret_kind, ...values }) =>
        change.mutate(secret ? { ...values, secret_kind, secret } : values, {
          onSuccess: onClose,
          onError: (error) => form.setErrors(fieldErrors(error)),
        }),
      )}
    >
      <AccountFields form={form} isNew={false} />
    </FormDrawer>
  );
}

interface AccountFieldsProps {
  form: ReturnType<typeof useAccountFields>;
  isNew: boolean;
}

function AccountFields({ form, isNew }: AccountFieldsProps) {
  const { t } = useTranslation();
  const secret = {
    label: t("accounts.fields.secret"),
    description: t(isNew ? "accounts.fields.secret_hint" : "accounts.fields.secret_keep"),
    required: isNew,
    autoComplete: "off",
    ...form.getInputProps("secret"),
  };
  return (
    <>
      <TextInput label={t("accounts.fields.name")} required {...form.getInputProps("name")} />
      <TextInput
        label={t("accounts.fields.username")}
        description={t("accounts.fields.username_hint")}
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
        <Textarea autosize minRows={4} maxRows={12} spellCheck={false} {...secret} />
      ) : (
        <PasswordInput {...secret} />
      )}
    </>
  );
}
