import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useFirstAdmin } from "@/api/session";
import { ProblemPanel } from "@/components/ProblemPanel";
import { fieldErrors } from "@/components/problems";
import { SignedOutLayout } from "@/layouts/SignedOutLayout";

/** First start: the first admin, by the one-time code that the server printed. */
export function StartPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const firstAdmin = useFirstAdmin();
  const needed = (value: string) => (value.trim() ? null : t("shell.start.required"));
  const form = useForm({
    initialValues: { code: "", email: "", password: "" },
    validateInputOnBlur: true,
    validate: { code: needed, email: needed, password: needed },
  });
  return (
    <SignedOutLayout title={t("shell.start.title")} lead={t("shell.start.lead")}>
      <form
        onSubmit={form.onSubmit((values) =>
          firstAdmin.mutate(
            { ...values, code: values.code.trim() },
            {
              onSuccess: () => {
                client.clear();
                void navigate({ to: "/" });
              },
              onError: (error) => form.setErrors(fieldErrors(error)),
            },
          ),
        )}
      >
        <Stack>
          {firstAdmin.error && <ProblemPanel error={firstAdmin.error} />}
          <TextInput
            label={t("shell.start.code")}
            description={t("shell.start.code_hint")}
            autoComplete="one-time-code"
            spellCheck={false}
            required
            {...form.getInputProps("code")}
          />
          <TextInput
            label={t("shell.start.email")}
            type="email"
            autoComplete="username"
            required
            {...form.getInputProps("email")}
          />
          <PasswordInput
            label={t("shell.start.password")}
            autoComplete="new-password"
            required
            {...form.getInputProps("password")}
          />
          <Button type="submit" loading={firstAdmin.isPending}>
            {t("shell.start.button")}
          </Button>
        </Stack>
      </form>
    </SignedOutLayout>
  );
}
