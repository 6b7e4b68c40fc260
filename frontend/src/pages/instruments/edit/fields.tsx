import { Checkbox, NumberInput, Select, SimpleGrid, Textarea, TextInput } from "@mantine/core";
import { DateTimePicker, TimeInput } from "@mantine/dates";
import "@mantine/dates/styles.css";
import { useTranslation } from "react-i18next";
import { IncarnationPolicy } from "@/api/models";
import { formatDuration } from "@/components/format";
import { Section } from "@/components/Section";
import { zonesWith } from "@/pages/schedules/ScheduleFields";
import { Preview } from "./Preview";
import type { EditForm } from "./useEditForm";

interface FieldsProps {
  form: EditForm;
}

/** What people call it. */
export function NameFields({ form }: FieldsProps) {
  const { t } = useTranslation();
  return (
    <Section title={t("instruments.edit.section.name")}>
      <TextInput
        label={t("wizard.fields.name")}
        description={t("wizard.fields.name_hint")}
        required
        {...form.getInputProps("name")}
      />
      <TextInput
        label={t("wizard.fields.slug")}
        description={t("instruments.edit.slug_hint")}
        required
        spellCheck={false}
        {...form.getInputProps("slug")}
      />
      <Textarea
        label={t("instruments.edit.group.description")}
        autosize
        minRows={2}
        maxRows={8}
        {...form.getInputProps("description")}
      />
    </Section>
  );
}

/** Which files count, and when each is complete. */
export function RuleFields({ form }: FieldsProps) {
  const { t } = useTranslation();
  const { quiet_seconds: quiet, start_from } = form.values;
  return (
    <Section title={t("wizard.step.complete")} hint={t("wizard.complete.hint")}>
      <NumberInput
        label={t("wizard.complete.quiet")}
        description={
          typeof quiet === "number" && <span translate="no">{formatDuration(quiet)}</span>
        }
        required
        min={0}
        max={2_592_000}
        {...form.getInputProps("quiet_seconds")}
      />
      <DateTimePicker
        label={t("instruments.facts.start_from")}
        description={t("instruments.edit.start_from_hint")}
        clearable
        valueFormat="YYYY-MM-DD HH:mm"
        {...form.getInputProps("start_from")}
        value={start_from ? new Date(start_from) : null}
        onChange={(picked) =>
          form.setFieldValue(
            "start_from",
            picked ? new Date(picked.replace(" ", "T")).toISOString() : null,
          )
        }
      />
      <Select
        label={t("instruments.facts.incarnation")}
        description={t("instruments.edit.incarnation_hint")}
        data={Object.values(IncarnationPolicy).map((value) => ({
          value,
          label: t(`instruments.incarnation.${value}`),
        }))}
        allowDeselect={false}
        {...form.getInputProps("incarnation_policy")}
      />
      <NumberInput
        label={t("instruments.edit.group.shrink")}
        description={t("instruments.edit.shrink_hint")}
        required
        min={0}
        max={100}
        suffix=" %"
        {...form.getInputProps("shrink_percent")}
      />
      <Preview form={form} />
    </Section>
  );
}

/** What it may be asked, how much and when. */
export function LimitFields({ form }: FieldsProps) {
  const { t } = useTranslation();
  const { hours_zone, has_quiet_hours } = form.values;
  return (
    <Section title={t("instruments.edit.section.limits")}>
      <NumberInput
        label={t("instruments.facts.connections")}
        description={t("instruments.edit.connections_hint")}
        required
        min={1}
        max={64}
        {...form.getInputProps("connections")}
      />
      <NumberInput
        label={t("instruments.facts.bandwidth")}
        description={t("instruments.edit.bandwidth_hint")}
        placeholder={t("instruments.facts.unlimited")}
        suffix=" MB/s"
        min={0}
        decimalScale={6}
        {...form.getInputProps("bandwidth_megabytes")}
      />
      <Checkbox
        label={t("instruments.edit.quiet_hours")}
        description={t("instruments.edit.quiet_hours_hint")}
        {...form.getInputProps("has_quiet_hours", { type: "checkbox" })}
      />
      {has_quiet_hours && (
        <SimpleGrid cols={{ base: 1, xs: 3 }}>
          <TimeInput
            label={t("instruments.edit.hours_from")}
            required
            {...form.getInputProps("hours_from")}
          />
          <TimeInput
            label={t("instruments.edit.hours_to")}
            required
            {...form.getInputProps("hours_to")}
          />
          <Select
            label={t("schedules.fields.time_zone")}
            data={zonesWith(hours_zone)}
            searchable
            allowDeselect={false}
            {...form.getInputProps("hours_zone")}
          />
        </SimpleGrid>
      )}
    </Section>
  );
}
