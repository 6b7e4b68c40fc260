import { PasswordInput, Switch, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { UserRead } from "@/api/models";
import { useChangeUser, useCreateUser, userQuery } from "@/api/users";
import { FormDrawer } from "@/components/FormDrawer";
import { fieldErrors } from "@/components/problems";

function useUserForm(user: UserRead | null) {
  const { t } = useTranslation();
  const needed = (value: string) => (value.trim() ? null : t("users.required"));
  return useForm({
    initialValues: {
      email: user?.email ?? "",
      display_name: user?.display_name ?? "",
      password: "",
      is_superuser: user?.is_superuser ?? false,
      is_active: user?.is_active ?? true,
    },
    validateInputOnBlur: true,
    validate: { email: needed, password: user ? undefined : needed },
  });
}

export function AddUser({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const create = useCreateUser();
  const form = useUserForm(null);
  return (
    <FormDrawer
      title={t("users.add")}
      opened
      onClose={onClose}
      isPending={create.isPending}
      error={create.error}
      submitLabel={t("common.actions.add")}
      onSubmit={form.onSubmit(({ is_active: _, ...values }) =>
        create.mutate(values, {
          onSuccess: onClose,
          onError: (error) => form.setErrors(fieldErrors(error)),
        }),
      )}
    >
      <UserFields form={form} isNew />
    </FormDrawer>
  );
}

/** People are read again before a change: the list's rows carry no revision. */
export function EditUser({ userId, onClose }: { userId: string; onClose: () => void }) {
  const { data: user } = useQuery({ ...userQuery(userId), staleTime: 0, gcTime: 0 });
  return user ? <EditForm user={user} onClose={onClose} /> : null;
}

function EditForm({ user: read, onClose }: { user: UserRead; onClose: () => void }) {
  const { t } = useTranslation();
  // What the form began with: if somebody else saves meanwhile, the server says so.
  const [user] = useState(read);
  const change = useChangeUser(user);
  const form = useUserForm(user);
  return (
    <FormDrawer
      title={t("users.edit", { name: user.display_name || user.email })}
      opened
      onClose={onClose}
      isPending={change.isPending}
      error={change.error}
      onSubmit={form.onSubmit(({ password, ...values }) =>
        change.mutate(password ? { ...values, password } : values, {
          onSuccess: onClose,
          onError: (error) => form.setErrors(fieldErrors(error)),
        }),
      )}
    >
      <UserFields form={form} isNew={false} />
    </FormDrawer>
  );
}

interface UserFieldsProps {
  form: ReturnType<typeof useUserForm>;
  isNew: boolean;
}

function UserFields({ form, isNew }: UserFieldsProps) {
  const { t } = useTranslation();
  return (
    <>
      <TextInput
        label={t("users.fields.email")}
        type="email"
        required
        autoComplete="off"
        {...form.getInputProps("email")}
      />
      <TextInput
        label={t("users.fields.name")}
        autoComplete="off"
        {...form.getInputProps("display_name")}
      />
      <PasswordInput
        label={t("users.fields.password")}
        description={isNew ? undefined : t("users.fields.password_keep")}
        required={isNew}
        autoComplete="new-password"
        {...form.getInputProps("password")}
      />
      <Switch
        label={t("users.fields.admin")}
        description={t("users.fields.admin_hint")}
        {...form.getInputProps("is_superuser", { type: "checkbox" })}
      />
      {!isNew && (
        <Switch
          label={t("users.fields.active")}
          description={t("users.fields.active_hint")}
          {...form.getInputProps("is_active", { type: "checkbox" })}
        />
      )}
    </>
  );
}
