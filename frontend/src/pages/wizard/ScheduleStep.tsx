import { Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { scheduleTimesQuery } from "@/api/schedules";
import { fieldErrors } from "@/components/problems";
import {
  ScheduleFields,
  type ScheduleValues,
  useScheduleRules,
} from "@/pages/schedules/ScheduleFields";
import { StepButtons, type StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

/** When it is harvested by itself, with the next times spelled out. */
export function ScheduleStep({ onNext, onBack }: StepProps) {
  const { t } = useTranslation();
  const { draft, change } = useWizard();
  const client = useQueryClient();
  const form = useForm({
    initialValues: draft.schedule,
    onValuesChange: (schedule) => change({ schedule }),
    validateInputOnBlur: true,
    validate: useScheduleRules(),
  });
  const [isAsking, setAsking] = useState(false);
  const goOn = async (schedule: ScheduleValues) => {
    change({ schedule });
    if (schedule.kind === "cron") {
      // An expression that says nothing would stop the flight when the instrument is saved already.
      await client.fetchQuery(
        scheduleTimesQuery({ cron: schedule.cron, time_zone: schedule.time_zone }),
      );
    }
    onNext();
  };
  return (
    <form
      noValidate
      onSubmit={form.onSubmit((schedule) => {
        setAsking(true);
        goOn(schedule)
          .catch((error: unknown) => form.setErrors(fieldErrors(error)))
          .finally(() => setAsking(false));
      })}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          {t("wizard.schedule.hint")}
        </Text>
        <ScheduleFields form={form} isNew />
        <StepButtons onBack={onBack} isPending={isAsking} />
      </Stack>
    </form>
  );
}
