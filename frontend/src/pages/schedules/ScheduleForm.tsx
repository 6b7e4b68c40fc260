import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import type { ScheduleRead } from "@/api/models";
import { useChangeSchedule, useCreateSchedule } from "@/api/schedules";
import { FormDrawer } from "@/components/FormDrawer";
import { InstrumentSelect } from "@/components/InstrumentChoice";
import { fieldErrors } from "@/components/problems";
import { initialSchedule, ScheduleFields, scheduleBody, useScheduleRules } from "./ScheduleFields";

interface AddScheduleProps {
  onClose: () => void;
  /** Of which one it most likely is. */
  instrumentId: string | undefined;
}

export function AddSchedule({ onClose, instrumentId }: AddScheduleProps) {
  const { t } = useTranslation();
  const create = useCreateSchedule();
  const form = useForm({
    initialValues: { instrument_id: instrumentId ?? "", ...initialSchedule() },
    validateInputOnBlur: true,
    validate: {
      instrument_id: (value) => (value ? null : t("schedules.required")),
      ...useScheduleRules(),
    },
  });
  return (
    <FormDrawer
      title={t("schedules.add")}
      opened
      onClose={onClose}
      isPending={create.isPending}
      error={create.error}
      submitLabel={t("common.actions.add")}
      onSubmit={form.onSubmit(({ instrument_id, ...values }) =>
        create.mutate(
          { instrument_id, kind: values.kind, ...scheduleBody(values) },
          { onSuccess: onClose, onError: (error) => form.setErrors(fieldErrors(error)) },
        ),
      )}
    >
      <InstrumentSelect
        label={t("schedules.fields.instrument")}
        required
        {...form.getInputProps("instrument_id")}
      />
      <ScheduleFields form={form} isNew />
    </FormDrawer>
  );
}

interface EditScheduleProps {
  schedule: ScheduleRead;
  name: string;
  onClose: () => void;
}

export function EditSchedule({ schedule, name, onClose }: EditScheduleProps) {
  const { t } = useTranslation();
  const change = useChangeSchedule(schedule);
  const form = useForm({
    initialValues: initialSchedule(schedule),
    validateInputOnBlur: true,
    validate: useScheduleRules(),
  });
  return (
    <FormDrawer
      title={t("schedules.edit", { name })}
      opened
      onClose={onClose}
      isPending={change.isPending}
      error={change.error}
      onSubmit={form.onSubmit((values) =>
        change.mutate(scheduleBody(values), {
          onSuccess: onClose,
          onError: (error) => form.setErrors(fieldErrors(error)),
        }),
      )}
    >
      <ScheduleFields form={form} isNew={false} />
    </FormDrawer>
  );
}
