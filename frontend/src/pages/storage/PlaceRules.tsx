import { List, Stack, Switch, Text, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Code } from "@/components/Mono";
import { rendered, type Sample, TEMPLATE_FIELDS, understood } from "./template";

/** What is decided about a place that files are copied to. */
export interface Rules {
  required: boolean;
  /** Empty: the instrument's folder and the source's path. */
  template: string;
}

export const USUAL_RULES: Rules = { required: true, template: "" };
const USUAL_TEMPLATE = "{instrument}/{path}";
const EXAMPLE: Sample = {
  path: "2026-03/run_01/grid_007.dm4",
  modified_at: "2026-03-09T14:30:00Z",
};
const SAMPLES_SHOWN = 3;

export interface PlaceRulesProps {
  /** The place's name. */
  name: string;
  rules: Rules;
  onChange: (rules: Rules) => void;
  /** The instrument's short name. */
  slug: string;
  /** Real files, to show where each would go; an example without. */
  samples?: Sample[];
  error?: ReactNode;
  /** Where the template stands in its form. */
  path?: string;
}

/** Whether a place must have each file, and by which path it gets it. */
export function PlaceRules({ name, rules, onChange, slug, samples, error, path }: PlaceRulesProps) {
  const { t } = useTranslation();
  const shown = samples?.length ? samples.slice(0, SAMPLES_SHOWN) : [EXAMPLE];
  const found = understood(rules.template || USUAL_TEMPLATE);
  const wrong = "wrong" in found ? t(`storage.template.wrong.${found.wrong}`) : undefined;
  return (
    <Stack gap="xs" mt={6} ps={30} role="group" aria-label={t("storage.template.of", { name })}>
      <Switch
        size="xs"
        label={t("instruments.edit.required")}
        description={t("instruments.edit.required_hint")}
        checked={rules.required}
        onChange={(event) => onChange({ ...rules, required: event.currentTarget.checked })}
      />
      <TextInput
        size="xs"
        label={t("storage.template.label")}
        description={t("storage.template.hint")}
        placeholder={USUAL_TEMPLATE}
        spellCheck={false}
        value={rules.template}
        error={error ?? wrong}
        data-path={path}
        onChange={(event) => onChange({ ...rules, template: event.currentTarget.value })}
      />
      {"parts" in found && (
        <Text size="xs" c="dimmed" component="div" role="status">
          {t("storage.template.makes")}
          <List size="xs" listStyleType="none">
            {shown.map((file) => (
              <List.Item key={file.path} style={{ overflowWrap: "anywhere" }}>
                <Code>{rendered(found.parts, slug || "tem-2", file)}</Code>
              </List.Item>
            ))}
          </List>
        </Text>
      )}
      <details>
        <Text component="summary" size="xs" c="dimmed" style={{ cursor: "pointer" }}>
          {t("storage.template.fields")}
        </Text>
        <List size="xs" pt={4} listStyleType="none">
          {TEMPLATE_FIELDS.map((field) => (
            <List.Item key={field}>
              <Code>{field === "acquired" ? "{acquired:%Y/%m}" : `{${field}}`}</Code>{" "}
              {t(`storage.template.field.${field}`)}
            </List.Item>
          ))}
        </List>
      </details>
    </Stack>
  );
}
