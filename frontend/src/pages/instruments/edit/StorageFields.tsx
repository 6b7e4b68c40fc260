import { Checkbox, Group, Stack, Switch, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { StoragePolicy } from "@/api/models";
import { Section } from "@/components/Section";
import { PlaceChoice } from "@/pages/storage/PlaceChoice";
import { PlaceRules, type PlaceRulesProps } from "@/pages/storage/PlaceRules";
import type { EditForm } from "./useEditForm";
import type { EditValues } from "./values";

/** Where a read-back can come from; a mover's own checksum is never proof enough. */
const PROOFS = ["device", "server_cache", "page_cache", "storage_checksum"] as const;

interface StorageFieldsProps {
  form: EditForm;
  /** As it is saved. */
  base: EditValues;
}

/** Where each file is copied to, under which name, and which of the places must have it. */
export function StorageFields({ form, base }: StorageFieldsProps) {
  const { t } = useTranslation();
  const { storage } = form.values;
  const set = (next: StoragePolicy[]) =>
    form.setFieldValue(
      "storage",
      next.toSorted((one, other) =>
        one.storage_location_id.localeCompare(other.storage_location_id),
      ),
    );
  const has = (places: StoragePolicy[], id: string) =>
    places.find((one) => one.storage_location_id === id);
  const without = (id: string) => storage.filter((one) => one.storage_location_id !== id);
  const toggle = (id: string) => {
    if (has(storage, id)) return set(without(id));
    // A place that was there before comes back as it was.
    const policy = has(base.storage, id) ?? { storage_location_id: id, required: true };
    set([...without(id), policy]);
  };
  return (
    <Section title={t("instruments.edit.group.storage")}>
      <Stack gap="sm">
        <PlaceChoice
          hint={t("instruments.edit.storage_hint")}
          chosen={storage.map((one) => one.storage_location_id)}
          onToggle={toggle}
          more={({ id, name }) => {
            const path = `storage.${storage.findIndex((one) => one.storage_location_id === id)}.template`;
            return (
              <PolicyFields
                name={name}
                slug={form.values.slug}
                path={path}
                error={form.errors[path]}
                policy={has(storage, id) ?? { storage_location_id: id }}
                isNew={!has(base.storage, id)}
                onChange={(policy) => {
                  form.clearFieldError(path);
                  set([...without(id), policy]);
                }}
              />
            );
          }}
        />
        {form.errors.storage && (
          <Text size="sm" c="var(--mantine-color-error)" role="alert">
            {form.errors.storage}
          </Text>
        )}
      </Stack>
    </Section>
  );
}

interface PolicyFieldsProps extends Omit<PlaceRulesProps, "rules" | "onChange"> {
  policy: StoragePolicy;
  /** It is added by this edit: earlier files are not there yet. */
  isNew: boolean;
  onChange: (policy: StoragePolicy) => void;
}

function PolicyFields({ policy, isNew, onChange, ...place }: PolicyFieldsProps) {
  const { t } = useTranslation();
  return (
    <Stack gap="xs">
      <PlaceRules
        {...place}
        rules={{ required: policy.required ?? true, template: policy.template ?? "" }}
        onChange={(rules) => onChange({ ...policy, ...rules })}
      />
      <Checkbox.Group
        ps={30}
        size="xs"
        label={t("instruments.edit.enough")}
        description={t("instruments.edit.enough_hint")}
        value={policy.enough ?? []}
        onChange={(chosen) => onChange({ ...policy, enough: chosen.length ? chosen : null })}
      >
        <Group gap="sm" mt={4}>
          {PROOFS.map((one) => (
            <Checkbox key={one} size="xs" value={one} label={t(`transfers.evidence.from.${one}`)} />
          ))}
        </Group>
      </Checkbox.Group>
      {isNew && (
        <Switch
          ps={30}
          size="xs"
          label={t("instruments.edit.backfill")}
          description={t("instruments.edit.backfill_hint")}
          checked={policy.backfill ?? true}
          onChange={(event) => onChange({ ...policy, backfill: event.currentTarget.checked })}
        />
      )}
    </Stack>
  );
}
