import { type UseFormReturnType, useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { needsAccount, needsHost, needsRoot, needsUrl, SLUG } from "../source";
import type { EditValues } from "./values";

export interface EditForm extends UseFormReturnType<EditValues> {
  showErrors: (errors: Record<string, string>) => void;
  focusFirst: (errors: object) => void;
}

const CLOCK = /^([01][0-9]|2[0-3]):[0-5][0-9]$/;
const LEAST_MEGABYTES = 0.001024;

/** The form, its rules, and a way to the first field that is wrong. */
export function useEditForm(initialValues: EditValues): EditForm {
  const { t } = useTranslation();
  const needed = t("wizard.needed");
  const needs =
    (isNeeded: (values: EditValues) => boolean) => (value: unknown, values: EditValues) =>
      isNeeded(values) && !value ? needed : null;
  const number = (value: unknown) => (typeof value === "number" ? null : t("schedules.number"));
  const clock = (value: string, { has_quiet_hours }: EditValues) =>
    !has_quiet_hours || CLOCK.test(value) ? null : needed;
  const form = useForm<EditValues>({
    initialValues,
    validateInputOnBlur: true,
    validate: {
      name: (value) => (value.trim() ? null : needed),
      slug: (value) => (SLUG.test(value) ? null : t("wizard.slug_wrong")),
      host: needs(({ protocol }) => needsHost(protocol)),
      url: needs(({ protocol }) => needsUrl(protocol)),
      root: needs(({ protocol }) => needsRoot(protocol)),
      account_id: needs(({ protocol }) => needsAccount(protocol)),
      zone: (value) => (value.trim() ? null : needed),
      quiet_seconds: number,
      shrink_percent: number,
      connections: number,
      bandwidth_megabytes: (value) =>
        value === "" || Number(value) >= LEAST_MEGABYTES
          ? null
          : t("instruments.edit.bandwidth_wrong"),
      hours_from: clock,
      hours_to: clock,
    },
  });
  const focusFirst = (errors: object) => {
    const first = Object.keys(errors)[0];
    if (first !== undefined) form.getInputNode(first)?.focus();
  };
  const showErrors = (errors: Record<string, string>) => {
    form.setErrors(errors);
    // A field that is asked for only now has to be drawn first.
    requestAnimationFrame(() => focusFirst(errors));
  };
  return { ...form, showErrors, focusFirst };
}
