import { ActionIcon, Button } from "@mantine/core";
import { withTheme } from "@rjsf/core";
import { Theme } from "@rjsf/mantine";
import type { ErrorTransformer, IconButtonProps, RJSFSchema, UiSchema } from "@rjsf/utils";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { friendly, withoutEmpty } from "./friendly";
import classes from "./SchemaForm.module.css";
import { validator } from "./validator";

function AddButton({ onClick, disabled }: IconButtonProps) {
  const { t } = useTranslation();
  return (
    <Button
      variant="default"
      size="xs"
      leftSection={<IconPlus size={14} />}
      onClick={onClick}
      disabled={disabled ?? false}
    >
      {t("common.actions.add")}
    </Button>
  );
}

function RemoveButton({ onClick, disabled }: IconButtonProps) {
  const { t } = useTranslation();
  return (
    <ActionIcon
      aria-label={t("common.actions.delete")}
      onClick={onClick}
      disabled={disabled ?? false}
    >
      <IconX size={16} />
    </ActionIcon>
  );
}

const ThemedForm = withTheme({
  ...Theme,
  templates: {
    ...Theme.templates,
    ButtonTemplates: { ...Theme.templates?.ButtonTemplates, AddButton, RemoveButton },
  },
});
const OPTIONS: UiSchema = { "ui:submitButtonOptions": { norender: true } };

interface SchemaFormProps {
  schema: Record<string, unknown>;
  value: Record<string, unknown>;
  onChange: (value: Record<string, unknown>, isValid: boolean) => void;
}

/** A form that is made from a JSON Schema. It stands inside another form and has no button. */
export default function SchemaForm({ schema, value, onChange }: SchemaFormProps) {
  const shown = useMemo(() => {
    // The hook's own name and sentence stand above it.
    const { title: _title, description: _description, ...rest } = friendly(schema as RJSFSchema);
    return rest;
  }, [schema]);
  const { t } = useTranslation();
  const inWords: ErrorTransformer = (errors) =>
    errors.map((error) =>
      error.name === "required" ? { ...error, message: t("common.form.required") } : error,
    );
  return (
    <ThemedForm
      tagName="div"
      className={classes.form}
      schema={shown}
      uiSchema={OPTIONS}
      formData={value}
      validator={validator}
      transformErrors={inWords}
      liveValidate="onChange" // on leaving a field, a sentence that goes away would move the button
      noHtml5Validate
      showErrorList={false}
      experimental_defaultFormStateBehavior={{ emptyObjectFields: "skipEmptyDefaults" }}
      onChange={({ formData }) => {
        const sent = withoutEmpty(formData ?? {}) as Record<string, unknown>;
        onChange(sent, validator.isValid(shown, sent, shown));
      }}
    />
  );
}
