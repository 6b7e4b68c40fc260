import { Button, Group, Loader, Stack, Text, TextInput } from "@mantine/core";
import { IconPlugConnected, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useCheckDraft } from "@/api/instruments";
import { CheckResult } from "@/components/CheckResult";
import { ProblemPanel } from "@/components/ProblemPanel";
import { fieldErrors } from "@/components/problems";
import { Section } from "@/components/Section";
import { AccountChoice, SecretAgain } from "@/pages/accounts/AccountChoice";
import { AccountForm } from "@/pages/accounts/AccountForm";
import { SourceFields } from "../SourceFields";
import { hasAccount, sourceBody } from "../source";
import type { EditForm } from "./useEditForm";
import { atOwnFields, type EditValues, isNewAddress } from "./values";

const ASKED = ["host", "url", "root", "account_id", "zone"] as const;

interface SourceSectionProps {
  form: EditForm;
  /** As it is saved. */
  base: EditValues;
}

/** How it is reached and by whom, with a test of just what stands in the form. */
export function SourceSection({ form, base }: SourceSectionProps) {
  const { t } = useTranslation();
  const [isAdding, setAdding] = useState(false);
  const { values } = form;
  const isNew = isNewAddress(base, values);
  return (
    <Section title={t("instruments.edit.section.source")}>
      <SourceFields form={form} />
      {values.root !== base.root && (
        <Text size="sm" c="dimmed">
          {t("instruments.edit.root_hint")}
        </Text>
      )}
      {hasAccount(values.protocol) && (
        <Stack gap="xs" align="flex-start">
          <AccountChoice
            label={t("instruments.edit.account")}
            w="100%"
            {...form.getInputProps("account_id")}
          />
          <Button
            variant="default"
            size="xs"
            leftSection={<IconPlus size={14} />}
            onClick={() => setAdding(true)}
          >
            {t("accounts.add")}
          </Button>
        </Stack>
      )}
      {hasAccount(values.protocol) && (isNew || form.errors.secret) && (
        <SecretAgain accountId={values.account_id} {...form.getInputProps("secret")} />
      )}
      <TextInput
        label={t("instruments.columns.zone")}
        description={t("instruments.edit.zone_hint")}
        required
        spellCheck={false}
        {...form.getInputProps("zone")}
      />
      <ConnectionTest form={form} />
      {isAdding && (
        <AccountForm
          account={null}
          onClose={() => setAdding(false)}
          onAdded={(account) => form.setFieldValue("account_id", account.id)}
        />
      )}
    </Section>
  );
}

/** Tests the source as it stands in the form, before it is saved. */
function ConnectionTest({ form }: { form: EditForm }) {
  const { t } = useTranslation();
  const check = useCheckDraft();
  const { values } = form;
  const draft = {
    ...sourceBody(values, values.account_id, values.secret),
    zone: values.zone.trim(),
  };
  // What was found of another address says nothing about this one.
  const isOfThis = JSON.stringify(check.variables) === JSON.stringify(draft);
  const test = () => {
    const wrong = ASKED.filter((name) => form.validateField(name).hasError);
    if (wrong[0] !== undefined) return form.getInputNode(wrong[0])?.focus();
    check.mutate(draft, {
      onError: (error) => form.showErrors(atOwnFields(fieldErrors(error))),
    });
  };
  return (
    <Stack gap="sm">
      <Group>
        <Button
          variant="default"
          leftSection={<IconPlugConnected size={16} />}
          loading={check.isPending}
          onClick={test}
        >
          {t("instruments.check.button")}
        </Button>
        {check.isPending && <Loader type="dots" size="sm" aria-label={t("common.loading")} />}
      </Group>
      <div role="status">
        {isOfThis && check.error && <ProblemPanel error={check.error} />}
        {isOfThis && check.data && <CheckResult result={check.data} />}
      </div>
    </Stack>
  );
}
