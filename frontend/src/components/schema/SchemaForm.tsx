import { withTheme } from "@rjsf/core";
import { Theme } from "@rjsf/mantine";
import type { RJSFSchema, UiSchema } from "@rjsf/utils";
import { useMemo } from "react";
import { friendly, withoutEmpty } from "./friendly";
import { validator } from "./validator";

const ThemedForm = withTheme(Theme);
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
  return (
    <ThemedForm
      tagName="div"
      schema={shown}
      uiSchema={OPTIONS}
      formData={value}
      validator={validator}
      liveValidate="onBlur"
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
