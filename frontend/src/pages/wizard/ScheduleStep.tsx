import { Stack, Text } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { ScheduleFields } from "@/pages/schedules/ScheduleFields";
import { StepButtons, type StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

/** When it is harvested by itself, with the next times spelled out. */
export function ScheduleStep({ onNext, onBack }: StepProps) {
  const { t } = useTranslation();
  const { draft, change } = useWizard();
  const form = useForm({
    initialValues: draft.schedule,
    onValuesChange: (schedule) => change({ schedule }),
  });
  return (
    <form
      noValidate
      onSubmit={form.onSubmit((schedule) => {
        change({ schedule });
        onNext();
      })}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          {t("wizard.schedule.hint")}
        </Text>
        <ScheduleFields form={form} isNew />
        <StepButtons onBack={onBack} />
      </Stack>
    </form>
  );
}
