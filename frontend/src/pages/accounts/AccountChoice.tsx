import { PasswordInput, Select, type SelectProps, Textarea } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { accountsQuery } from "@/api/accounts";
import { useEvery } from "@/components/useEvery";

/** One of the accounts that are stored. */
export function AccountChoice(props: Omit<SelectProps, "data">) {
  const { t } = useTranslation();
  const accounts = useEvery(accountsQuery());
  return (
    <Select
      placeholder={t("wizard.account.none")}
      data={accounts.map((one) => ({ value: one.id, label: `${one.name} (${one.username})` }))}
      searchable
      required
      {...props}
    />
  );
}

/** The secret of a stored account once more: it is not sent to a new address without. */
export function SecretAgain(props: { accountId: string | null; [name: string]: unknown }) {
  const { t } = useTranslation();
  const { accountId, ...rest } = props;
  const account = useEvery(accountsQuery()).find((one) => one.id === accountId);
  const secret = {
    label: t("wizard.account.again"),
    description: t("wizard.account.again_hint"),
    autoComplete: "off",
    ...rest,
  };
  // A field of one line would take the lines of a key together.
  return account?.secret_kind === "private_key" ? (
    <Textarea autosize minRows={4} maxRows={10} spellCheck={false} {...secret} />
  ) : (
    <PasswordInput {...secret} />
  );
}
