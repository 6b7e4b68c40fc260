import { Input, Loader, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { moversQuery } from "@/api/instruments";
import type { MoverRead } from "@/api/models";
import { ProblemPanel } from "@/components/ProblemPanel";
import type { SourceFieldsProps } from "./SourceFields";

// The form that is made from a schema is large, and few instruments need it.
const SchemaForm = lazy(() => import("@/components/schema/SchemaForm"));

/** What brings the files, where there is a choice, and its own settings. */
export function MoverFields({ form }: SourceFieldsProps) {
  const { t } = useTranslation();
  const { protocol, mover, mover_options: options } = form.values;
  const movers = useQuery(moversQuery());
  if (movers.error) return <ProblemPanel error={movers.error} />;
  const serving = movers.data?.items.filter((one) => one.protocols.includes(protocol)) ?? [];
  const usual = serving.find((one) => one.default_for.includes(protocol));
  const chosen = serving.find((one) => one.name === mover) ?? (mover ? undefined : usual);
  const choose = (name: string | null) => {
    form.setFieldValue("mover", name ?? "");
    form.setFieldValue("mover_options", {});
  };
  return (
    <>
      {(serving.length > 1 || !usual || mover !== "") && (
        <Select
          label={t("wizard.fields.mover")}
          description={chosen?.problem ?? t("wizard.fields.mover_hint")}
          placeholder={usual ? t("wizard.fields.mover_usual", { name: usual.title }) : undefined}
          required={!usual}
          clearable={Boolean(usual)}
          data={serving.map((one) => ({ value: one.name, label: one.title }))}
          {...form.getInputProps("mover")}
          value={mover || null}
          onChange={choose}
        />
      )}
      {chosen && hasSettings(chosen) && (
        <Input.Wrapper
          label={t("wizard.fields.mover_options", { name: chosen.title })}
          labelElement="div"
          {...form.getInputProps("mover_options")}
        >
          <Suspense fallback={<Loader type="dots" size="sm" />}>
            <SchemaForm
              schema={chosen.options_schema}
              value={options}
              onChange={(value) => form.setFieldValue("mover_options", value)}
            />
          </Suspense>
        </Input.Wrapper>
      )}
    </>
  );
}

const hasSettings = (mover: MoverRead): boolean =>
  Object.keys((mover.options_schema as { properties?: object }).properties ?? {}).length > 0;
