import { Loader, NumberInput, Select, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useQuery } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { hookTypesQuery, useChangeHook, useCreateHook } from "@/api/hooks";
import { FailurePolicy, type HookRead, type HookType } from "@/api/models";
import { FormDrawer } from "@/components/FormDrawer";
import { InstrumentSelect } from "@/components/InstrumentChoice";
import { ProblemPanel } from "@/components/ProblemPanel";
import { fieldErrors } from "@/components/problems";
import { TryHook } from "./TryHook";

// The form that is made from a schema is large, and only these drawers need it.
const SchemaForm = lazy(() => import("@/components/schema/SchemaForm"));
const MIB = 1 << 20;

export function AddHook({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const create = useCreateHook();
  const form = useHookFields(null);
  const [config, setConfig] = useState<Record<string, unknown>>({});
  const types = useQuery(hookTypesQuery());
  const chosen = types.data?.items.find((one) => one.hook === form.values.hook);
  return (
    <FormDrawer
      title={t("hooks.add")}
      size="xl"
      opened
      onClose={onClose}
      isPending={create.isPending}
      error={create.error}
      submitLabel={t("common.actions.add")}
      onSubmit={form.onSubmit(({ hook, ...values }) =>
        create.mutate(
          { hook, ...bodyOf(values), config },
          { onSuccess: onClose, onError: (error) => form.setErrors(fieldErrors(error)) },
        ),
      )}
    >
      {types.error && <ProblemPanel error={types.error} />}
      <Select
        label={t("hooks.fields.hook")}
        description={t("hooks.fields.hook_hint")}
        data={choices(types.data?.items ?? [], t)}
        searchable
        required
        allowDeselect={false}
        {...form.getInputProps("hook")}
        onChange={(value) => {
          form.setFieldValue("hook", value ?? "");
          setConfig({});
        }}
      />
      {chosen && (
        <>
          <Text size="sm">{chosen.description}</Text>
          <HookFields form={form} />
          <Configuration type={chosen} value={config} onChange={setConfig} />
          <Bounds form={form} />
          <TryHook
            hook={chosen.hook}
            config={config}
            pattern={form.values.pattern}
            instrumentId={form.values.instrument_id}
          />
        </>
      )}
    </FormDrawer>
  );
}

export function EditHook({ hook, onClose }: { hook: HookRead; onClose: () => void }) {
  const { t } = useTranslation();
  const change = useChangeHook(hook);
  const form = useHookFields(hook);
  const [config, setConfig] = useState<Record<string, unknown>>(hook.config);
  const types = useQuery(hookTypesQuery());
  const type = types.data?.items.find((one) => one.hook === hook.hook);
  return (
    <FormDrawer
      title={t("hooks.edit", { name: hook.name })}
      size="xl"
      opened
      onClose={onClose}
      isPending={change.isPending}
      error={change.error}
      onSubmit={form.onSubmit(({ hook: _hook, ...values }) =>
        change.mutate(
          { ...bodyOf(values), config },
          { onSuccess: onClose, onError: (error) => form.setErrors(fieldErrors(error)) },
        ),
      )}
    >
      {types.error && <ProblemPanel error={types.error} />}
      <Text size="sm">{type?.description}</Text>
      <HookFields form={form} />
      {type && <Configuration type={type} value={config} onChange={setConfig} />}
      <Bounds form={form} />
      <TryHook
        hook={hook.hook}
        config={config}
        pattern={form.values.pattern}
        instrumentId={form.values.instrument_id}
        hookId={hook.id}
      />
    </FormDrawer>
  );
}

function choices(types: HookType[], t: TFunction) {
  return (["pre_transfer", "post_transfer"] as const).map((kind) => ({
    group: t(`hooks.kind.${kind}`),
    items: types
      .filter((one) => one.kind === kind)
      .map((one) => ({ value: one.hook, label: one.hook })),
  }));
}

function useHookFields(hook: HookRead | null) {
  const { t } = useTranslation();
  const needed = (value: string) => (value.trim() ? null : t("hooks.required"));
  return useForm({
    initialValues: {
      hook: hook?.hook ?? "",
      name: hook?.name ?? "",
      instrument_id: hook?.instrument_id ?? "",
      pattern: hook?.pattern ?? "",
      failure_policy: (hook?.failure_policy ?? FailurePolicy.block) as FailurePolicy,
      position: (hook?.position ?? "") as number | "",
      timeout_seconds: hook?.timeout_seconds ?? 30,
      memory_mib: (hook?.memory_bytes ?? 1 << 30) / MIB,
    },
    validateInputOnBlur: true,
    validate: { hook: needed, name: needed },
  });
}

type Fields = ReturnType<typeof useHookFields>;

function bodyOf(values: Omit<Fields["values"], "hook">) {
  const { memory_mib, instrument_id, pattern, position, ...rest } = values;
  return {
    ...rest,
    name: rest.name.trim(),
    instrument_id: instrument_id || null,
    pattern: pattern.trim() || null,
    memory_bytes: memory_mib * MIB,
    ...(position === "" ? {} : { position }),
  };
}

function HookFields({ form }: { form: Fields }) {
  const { t } = useTranslation();
  return (
    <>
      <TextInput label={t("hooks.fields.name")} required {...form.getInputProps("name")} />
      <InstrumentSelect
        label={t("hooks.fields.instrument")}
        placeholder={t("hooks.all")}
        clearable
        {...form.getInputProps("instrument_id")}
        onChange={(value) => form.setFieldValue("instrument_id", value ?? "")}
      />
      <TextInput
        label={t("hooks.fields.pattern")}
        description={t("hooks.fields.pattern_hint")}
        spellCheck={false}
        {...form.getInputProps("pattern")}
      />
      <Select
        label={t("hooks.fields.policy")}
        data={Object.values(FailurePolicy).map((value) => ({
          value,
          label: t(`hooks.policy_long.${value}`),
        }))}
        allowDeselect={false}
        {...form.getInputProps("failure_policy")}
      />
    </>
  );
}

/** Order and bounds: what most hooks never need. */
function Bounds({ form }: { form: Fields }) {
  const { t } = useTranslation();
  return (
    <>
      <NumberInput
        label={t("hooks.fields.position")}
        description={t("hooks.fields.position_hint")}
        min={0}
        max={1_000_000}
        {...form.getInputProps("position")}
      />
      <NumberInput
        label={t("hooks.fields.timeout")}
        min={0.1}
        max={3600}
        suffix=" s"
        {...form.getInputProps("timeout_seconds")}
      />
      <NumberInput
        label={t("hooks.fields.memory")}
        min={64}
        max={65_536}
        suffix=" MiB"
        {...form.getInputProps("memory_mib")}
      />
    </>
  );
}

interface ConfigurationProps {
  type: HookType;
  value: Record<string, unknown>;
  onChange: (value: Record<string, unknown>) => void;
}

function Configuration({ type, value, onChange }: ConfigurationProps) {
  const { t } = useTranslation();
  return (
    <Stack component="fieldset" gap="xs" p={0} style={{ border: 0 }}>
      <Text component="legend" fw={600}>
        {t("hooks.fields.config")}
      </Text>
      <Suspense fallback={<Loader type="dots" aria-label={t("common.loading")} />}>
        <SchemaForm key={type.hook} schema={type.config_schema} value={value} onChange={onChange} />
      </Suspense>
    </Stack>
  );
}
