import { Button, Group, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { notifications } from "@mantine/notifications";
import { useTranslation } from "react-i18next";
import { useChangeMe } from "@/api/users";
import { ProblemPanel } from "@/components/ProblemPanel";
import { fieldErrors } from "@/components/problems";
import { Section } from "@/components/Section";
import { useMe } from "@/contexts/session";

/** One's own name and password. */
export function EditMe() {
  const { t } = useTranslation();
  const me = useMe();
  const change = useChangeMe();
  const form = useForm({
    initialValues: {
      display_name: me.display_name,
      current_password: "",
      password: "",
      again: "",
    },
    validate: {
      again: (value, values) => (value === values.password ? null : t("profile.edit.differs")),
    },
  });
  return (
    <Section title={t("profile.edit.title")}>
      <form
        onSubmit={form.onSubmit(({ display_name, current_password, password }) =>
          change.mutate(
            password ? { display_name, password, current_password } : { display_name },
            {
              onSuccess: () => {
                form.setValues({ current_password: "", password: "", again: "" });
                notifications.show({ message: t("profile.edit.saved") });
              },
              onError: (error) => form.setErrors(fieldErrors(error)),
            },
          ),
        )}
      >
        <Stack maw={420}>
          {change.error && <ProblemPanel error={change.error} />}
          <TextInput
            label={t("profile.edit.name")}
            autoComplete="name"
            {...form.getInputProps("display_name")}
          />
          <PasswordInput
            label={t("profile.edit.current")}
            description={t("profile.edit.current_hint")}
            autoComplete="current-password"
            {...form.getInputProps("current_password")}
          />
          <PasswordInput
            label={t("profile.edit.password")}
            autoComplete="new-password"
            {...form.getInputProps("password")}
          />
          <PasswordInput
            label={t("profile.edit.again")}
            autoComplete="new-password"
            {...form.getInputProps("again")}
          />
          <Group>
            <Button type="submit" loading={change.isPending}>
              {t("common.actions.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Section>
  );
}
