import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PlaceChoice } from "@/pages/storage/PlaceChoice";
import { PlaceRules, USUAL_RULES } from "@/pages/storage/PlaceRules";
import { understood } from "@/pages/storage/template";
import { StepButtons, type StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

/** Where each file is copied to, and by which path. */
export function StorageStep({ onNext, onBack }: StepProps) {
  const { t } = useTranslation();
  const { draft, change, known } = useWizard();
  const toggle = (id: string) =>
    change({
      storage: draft.storage.includes(id)
        ? draft.storage.filter((one) => one !== id)
        : [...draft.storage, id],
    });
  const isWrong = draft.storage.some((id) => {
    const template = draft.rules[id]?.template;
    return Boolean(template) && "wrong" in understood(template ?? "");
  });
  return (
    <Stack>
      <PlaceChoice
        hint={t("wizard.storage.hint")}
        chosen={draft.storage}
        onToggle={toggle}
        more={({ id, name }) => (
          <PlaceRules
            name={name}
            rules={draft.rules[id] ?? USUAL_RULES}
            onChange={(rules) => change({ rules: { ...draft.rules, [id]: rules } })}
            slug={draft.slug}
            samples={known.preview?.files ?? []}
          />
        )}
      />
      <StepButtons
        onBack={onBack}
        onNext={onNext}
        disabled={draft.storage.length === 0 || isWrong}
      />
    </Stack>
  );
}
