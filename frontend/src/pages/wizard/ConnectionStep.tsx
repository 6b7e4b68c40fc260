import { Button, Group, Skeleton, Stack, Text } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useCallback, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useCheckDraft } from "@/api/instruments";
import { CheckResult } from "@/components/CheckResult";
import { ProblemPanel } from "@/components/ProblemPanel";
import { topSourceOf } from "./draft";
import { StepButtons, type StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

/** The live test: log on, list, prove that a write is refused. */
export function ConnectionStep({ onNext, onBack }: StepProps) {
  const { t } = useTranslation();
  const { draft, secret, known, learn } = useWizard();
  const check = useCheckDraft();
  const { mutate } = check;
  const test = useCallback(() => {
    learn({ check: null });
    mutate(topSourceOf(draft, draft.account_id, secret), {
      onSuccess: (found) => learn({ check: found }),
    });
  }, [draft, secret, mutate, learn]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once; again only by the button
  useEffect(() => {
    if (known.check === null) test();
  }, []);
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("wizard.connection.hint")}
      </Text>
      {check.isPending && <Skeleton height={140} aria-label={t("common.loading")} />}
      {check.error && <ProblemPanel error={check.error} />}
      {known.check && !check.isPending && <CheckResult result={known.check} />}
      {known.check?.ok === false && <Text size="sm">{t("wizard.connection.locked")}</Text>}
      <Group>
        <Button
          variant="default"
          size="xs"
          leftSection={<IconRefresh size={14} />}
          onClick={test}
          loading={check.isPending}
        >
          {t("wizard.connection.again")}
        </Button>
      </Group>
      <StepButtons onBack={onBack} onNext={onNext} disabled={known.check?.ok !== true} />
    </Stack>
  );
}
