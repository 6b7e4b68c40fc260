import { Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PlaceChoice } from "@/pages/storage/PlaceChoice";
import { StepButtons, type StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

/** Where each file is copied to. */
export function StorageStep({ onNext, onBack }: StepProps) {
  const { t } = useTranslation();
  const { draft, change } = useWizard();
  const toggle = (id: string) =>
    change({
      storage: draft.storage.includes(id)
        ? draft.storage.filter((one) => one !== id)
        : [...draft.storage, id],
    });
  return (
    <Stack>
      <PlaceChoice hint={t("wizard.storage.hint")} chosen={draft.storage} onToggle={toggle} />
      <StepButtons onBack={onBack} onNext={onNext} disabled={draft.storage.length === 0} />
    </Stack>
  );
}
