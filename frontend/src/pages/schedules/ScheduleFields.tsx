import { List, NumberInput, Radio, Select, Stack, Switch, Text, TextInput } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { ScheduleKind, ScheduleRead } from "@/api/models";
import { scheduleTimesQuery } from "@/api/schedules";
import { ProblemPanel } from "@/components/ProblemPanel";
import { cronInWords } from "@/components/ScheduleSentence";

const TYPING_PAUSE_MILLISECONDS = 400;

export interface ScheduleValues {
  kind: ScheduleKind;
  cron: string;
  time_zone: string;
  jitter_seconds: number;
  rescan_seconds: number;
  enabled: boolean;
}

/** What a new schedule begins with: watched, or every night at two in the person's own zone. */
export function initialSchedule(read?: ScheduleRead): ScheduleValues {
  return {
    kind: (read?.kind ?? "watch") as ScheduleKind,
    cron: read?.cron ?? "0 2 * * *",
    time_zone: read?.time_zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    jitter_seconds: read?.jitter_seconds ?? 0,
    rescan_seconds: read?.rescan_seconds ?? 30,
    enabled: read?.enabled ?? true,
  };
}

/** Only the fields that count for the kind are sent. */
export function scheduleBody({ kind, cron, rescan_seconds, ...rest }: ScheduleValues) {
  return kind === "cron" ? { ...rest, cron } : { ...rest, rescan_seconds };
}

/** The zones of this browser, each once: some name UTC among them, some do not. */
export function zonesWith(chosen: string): string[] {
  return [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone"), chosen])].filter(Boolean);
}

/** A cleared number is no number; what the kind does not show is not asked. */
export function useScheduleRules() {
  const { t } = useTranslation();
  const needed = (value: unknown) => (typeof value === "number" ? null : t("schedules.number"));
  return {
    jitter_seconds: (value: unknown, { kind }: ScheduleValues) =>
      kind === "cron" ? needed(value) : null,
    rescan_seconds: (value: unknown, { kind }: ScheduleValues) =>
      kind === "watch" ? needed(value) : null,
  };
}

interface ScheduleFieldsProps<Values extends ScheduleValues> {
  form: UseFormReturnType<Values>;
  /** An existing schedule keeps its kind. */
  isNew: boolean;
}

/** When: at set times (spelled out as one types), or watched. */
export function ScheduleFields<Values extends ScheduleValues>({
  form,
  isNew,
}: ScheduleFieldsProps<Values>) {
  const { t } = useTranslation();
  const { kind, cron } = form.values;
  return (
    <>
      {isNew && (
        <Radio.Group label={t("schedules.fields.kind")} {...form.getInputProps("kind")}>
          <Stack gap={6} mt={6}>
            <Radio value="watch" label={t("schedules.kind.watch")} />
            <Radio value="cron" label={t("schedules.kind.cron")} />
          </Stack>
        </Radio.Group>
      )}
      {kind === "cron" ? (
        <>
          <TextInput
            label={t("schedules.fields.cron")}
            description={t("schedules.fields.cron_hint")}
            spellCheck={false}
            styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
            required
            {...form.getInputProps("cron")}
          />
          <Text size="sm" translate="no">
            {cronInWords(cron)}
          </Text>
          <NextTimes cron={cron} zone={form.values.time_zone} />
          <Select
            label={t("schedules.fields.time_zone")}
            data={zonesWith(form.values.time_zone)}
            searchable
            allowDeselect={false}
            {...form.getInputProps("time_zone")}
          />
          <NumberInput
            label={t("schedules.fields.jitter")}
            description={t("schedules.fields.jitter_hint")}
            min={0}
            max={86_400}
            {...form.getInputProps("jitter_seconds")}
          />
        </>
      ) : (
        <NumberInput
          label={t("schedules.fields.rescan")}
          min={1}
          max={86_400}
          {...form.getInputProps("rescan_seconds")}
        />
      )}
      <Switch
        label={t("schedules.fields.enabled")}
        {...form.getInputProps("enabled", { type: "checkbox" })}
      />
    </>
  );
}

/** The next five times, in the schedule's own zone; or why the expression is none. */
function NextTimes({ cron, zone }: { cron: string; zone: string }) {
  const { t } = useTranslation();
  const [settled] = useDebouncedValue(cron, TYPING_PAUSE_MILLISECONDS);
  const { data, error } = useQuery(scheduleTimesQuery({ cron: settled, time_zone: zone }));
  if (error) return <ProblemPanel error={error} />;
  return (
    <div>
      <Text size="xs" c="dimmed">
        {t("schedules.next_times")}
      </Text>
      <List size="sm" listStyleType="none" translate="no">
        {data?.times.map((time) => (
          <List.Item key={time.at}>{time.local.replace("T", " ")}</List.Item>
        ))}
      </List>
    </div>
  );
}
