import { Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { useCreateAccount } from "@/api/accounts";
import type { ServiceAccountCreate, ServiceAccountRead } from "@/api/models";
import { Problem } from "@/api/problem";
import { ProblemPanel } from "@/components/ProblemPanel";
import { fieldErrors } from "@/components/problems";
import { SourceFields } from "@/pages/instruments/SourceFields";
import {
  hasAccount,
  needsAccount,
  needsHost,
  needsRoot,
  needsUrl,
  SLUG,
} from "@/pages/instruments/source";
import { AccountFields } from "./AccountFields";
import { type Draft, isSameAddress, slugOf } from "./draft";
import { StepButtons, type StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

/** Name, protocol, address and account. A new account is stored here, so that it can log on. */
export function SourceStep({ onNext, onBack }: StepProps) {
  const { draft, change, secret, setSecret, learn } = useWizard();
  const create = useCreateAccount();
  const form = useSourceForm();
  // A folder that was chosen stands on its own server only.
  const keep = (values: Omit<SourceValues, "secret">) =>
    change(isSameAddress(values, draft) ? values : { ...values, folder: "" });
  const goOn = async (values: SourceValues) => {
    const { secret: typed, ...rest } = values;
    setSecret(typed);
    learn({ check: null, folder: null, preview: null });
    if (hasAccount(values.protocol) && values.account === "new" && values.username) {
      const account = await createNamed(create.mutateAsync, {
        name: values.slug,
        username: values.username,
        secret_kind: values.secret_kind,
        secret: typed,
      });
      keep({ ...rest, account: "existing", account_id: account.id });
    } else {
      keep(rest);
    }
    onNext();
  };
  return (
    <form
      noValidate
      onSubmit={form.onSubmit((values) => {
        goOn(values).catch((error: unknown) => form.setErrors(fieldErrors(error)));
      })}
      // Leaving a field keeps what was typed, also when the step is left half done.
      onBlur={() => {
        const { secret: typed, ...rest } = form.getValues();
        keep(rest);
        if (typed !== secret) setSecret(typed);
      }}
    >
      <Stack>
        {create.error && <ProblemPanel error={create.error} />}
        <NameFields form={form} isSlugOwn={draft.slug !== slugOf(draft.name)} />
        <SourceFields form={form} />
        {hasAccount(form.values.protocol) && <AccountFields form={form} />}
        <StepButtons onBack={onBack} isPending={create.isPending} />
      </Stack>
    </form>
  );
}

const MOST_NAMES = 20;

/** Nobody is asked how the account is called: where its name is taken, it gets a number. */
async function createNamed(
  create: (body: ServiceAccountCreate) => Promise<ServiceAccountRead>,
  body: ServiceAccountCreate,
): Promise<ServiceAccountRead> {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? body.name : `${body.name}-${number}`;
    try {
      return await create({ ...body, name });
    } catch (error) {
      const isTaken = error instanceof Problem && error.code === "name_taken";
      if (!isTaken || number === MOST_NAMES) throw error;
    }
  }
}

/** What this step asks for; of the draft everything but what later steps add. */
type SourceValues = Omit<Draft, "storage" | "rules" | "schedule" | "folder"> & { secret: string };

function useSourceForm() {
  const { t } = useTranslation();
  const { draft, secret } = useWizard();
  const needed = t("wizard.needed");
  const needs =
    (isNeeded: (values: SourceValues) => boolean) => (value: unknown, values: SourceValues) =>
      isNeeded(values) && !value ? needed : null;
  const { storage: _, schedule: __, folder: ___, rules: ____, ...rest } = draft;
  return useForm<SourceValues>({
    initialValues: { ...rest, secret },
    validateInputOnBlur: true,
    validate: {
      name: (value) => (value.trim() ? null : needed),
      slug: (value) => (SLUG.test(value) ? null : t("wizard.slug_wrong")),
      host: needs(({ protocol }) => needsHost(protocol)),
      url: needs(({ protocol }) => needsUrl(protocol)),
      root: needs(({ protocol }) => needsRoot(protocol)),
      account_id: needs(
        ({ protocol, account }) => needsAccount(protocol) && account === "existing",
      ),
      username: needs(({ protocol, account }) => needsAccount(protocol) && account === "new"),
      secret: needs(
        ({ protocol, account, username }) =>
          account === "new" &&
          (needsAccount(protocol) || (hasAccount(protocol) && username !== "")),
      ),
    },
  });
}

export type SourceForm = ReturnType<typeof useSourceForm>;

function NameFields({ form, isSlugOwn }: { form: SourceForm; isSlugOwn: boolean }) {
  const { t } = useTranslation();
  return (
    <>
      <TextInput
        label={t("wizard.fields.name")}
        description={t("wizard.fields.name_hint")}
        required
        data-autofocus
        {...form.getInputProps("name")}
        onChange={(event) => {
          const name = event.currentTarget.value;
          // The short name follows until a person gives it one of its own.
          const follows = !isSlugOwn && !form.isDirty("slug");
          form.setFieldValue("name", name);
          if (follows || form.values.slug === slugOf(form.values.name)) {
            form.setFieldValue("slug", slugOf(name));
          }
        }}
      />
      <TextInput
        label={t("wizard.fields.slug")}
        description={t("wizard.fields.slug_hint")}
        required
        spellCheck={false}
        {...form.getInputProps("slug")}
      />
    </>
  );
}
