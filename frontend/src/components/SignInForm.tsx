import { Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { useSignIn } from "@/api/session";
import { ProblemPanel } from "./ProblemPanel";

interface SignInFormProps {
  email?: string;
  onDone: (email: string) => void;
}

/** Email and password; keeps the email after a refusal. */
export function SignInForm({ email = "", onDone }: SignInFormProps) {
  const { t } = useTranslation();
  const signIn = useSignIn();
  const form = useForm({ initialValues: { username: email, password: "" } });
  return (
    <form
      onSubmit={form.onSubmit((values) =>
        signIn.mutate(values, {
          onSuccess: () => onDone(values.username),
          onError: () => form.setFieldValue("password", ""),
        }),
      )}
    >
      <Stack>
        {signIn.error && <ProblemPanel error={signIn.error} />}
        <TextInput
          label={t("shell.sign_in.email")}
          type="email"
          autoComplete="username"
          required
          {...form.getInputProps("username")}
        />
        <PasswordInput
          label={t("shell.sign_in.password")}
          autoComplete="current-password"
          required
          {...form.getInputProps("password")}
        />
        <Button type="submit" loading={signIn.isPending}>
          {t("shell.sign_in.button")}
        </Button>
      </Stack>
    </form>
  );
}
