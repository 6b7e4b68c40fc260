import { SimpleGrid, Stack } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { instrumentQuery, useChangeInstrument } from "@/api/instruments";
import type { InstrumentRead } from "@/api/models";
import { Page } from "@/components/Page";
import { Pending } from "@/components/Pending";
import { fieldErrors } from "@/components/problems";
import { LimitFields, NameFields, RuleFields } from "./fields";
import { Meanwhile } from "./Meanwhile";
import { SaveBar } from "./SaveBar";
import classes from "./SaveBar.module.css";
import { SourceSection } from "./SourceSection";
import { StorageFields } from "./StorageFields";
import { useEditForm } from "./useEditForm";
import { atOwnFields, changesOf, type Merged, mergeOnto, valuesOf } from "./values";

/** Everything about an instrument that a person decides. */
export function EditInstrumentPage() {
  const { instrumentId } = useParams({ from: "/app/instruments/$instrumentId/edit" });
  const query = useQuery(instrumentQuery(instrumentId));
  const readAnew = async () => (await query.refetch()).data;
  return (
    <Pending query={query}>
      {(instrument) => (
        <EditInstrument key={instrumentId} latest={instrument} readAnew={readAnew} />
      )}
    </Pending>
  );
}

interface EditInstrumentProps {
  /** As it is saved now: somebody else may have changed it since the form began. */
  latest: InstrumentRead;
  readAnew: () => Promise<InstrumentRead | undefined>;
}

function EditInstrument({ latest, readAnew }: EditInstrumentProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [read, setRead] = useState(latest);
  const [merged, setMerged] = useState<Merged | null>(null);
  const base = valuesOf(read);
  const form = useEditForm(base);
  const change = useChangeInstrument(read);
  const isOutrun = change.error?.code === "edit_conflict" || latest.revision > read.revision;

  const leave = () =>
    void navigate({ to: "/instruments/$instrumentId", params: { instrumentId: read.id } });
  const takeOver = async () => {
    const now = await readAnew();
    if (now === undefined) return;
    const next = mergeOnto(base, form.getValues(), valuesOf(now));
    form.setValues(next.values);
    setRead(now);
    setMerged(next);
    change.reset();
  };
  const save = (values: typeof form.values) => {
    const changed = changesOf(base, values);
    if (Object.keys(changed).length === 0) return leave();
    change.mutate(values.secret ? { ...changed, secret: values.secret } : changed, {
      onSuccess: () => {
        notifications.show({ message: t("instruments.edit.saved") });
        leave();
      },
      onError: (error) => form.showErrors(atOwnFields(fieldErrors(error))),
    });
  };
  return (
    <Page
      title={t("instruments.edit.title", { name: read.name })}
      lead={t("instruments.edit.lead")}
      parent={{ to: `/instruments/${read.id}`, label: read.name, isData: true }}
    >
      <form noValidate className={classes.form} onSubmit={form.onSubmit(save, form.focusFirst)}>
        <Stack gap="lg">
          <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
            <Stack gap="lg">
              <NameFields form={form} />
              <SourceSection form={form} base={base} />
            </Stack>
            <Stack gap="lg">
              <RuleFields form={form} />
              <StorageFields form={form} base={base} />
              <LimitFields form={form} />
            </Stack>
          </SimpleGrid>
          <SaveBar
            isPending={change.isPending}
            error={isOutrun ? null : change.error}
            onCancel={leave}
          >
            <Meanwhile isOutrun={isOutrun} merged={merged} onTakeOver={takeOver} />
          </SaveBar>
        </Stack>
      </form>
    </Page>
  );
}
