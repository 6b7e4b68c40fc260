import { Checkbox, NumberInput, Skeleton, Stack, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { previewQuery } from "@/api/instruments";
import { storageQuery } from "@/api/storage";
import { formatDuration } from "@/components/format";
import { ProblemPanel } from "@/components/ProblemPanel";
import { type Draft, sourceOf } from "./draft";
import { PreviewFiles } from "./PreviewFiles";
import { StepButtons, type StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

const TYPING_PAUSE_MILLISECONDS = 500;
const MOST_PLACES = 20;

/** The beginning of today by the person's clock: files from before are left out. */
export function startFrom(draft: Draft): string | null {
  if (!draft.new_only) return null;
  const today = new Date();
  today.setHours(0, 0, 0, 0);
  return today.toISOString();
}

/** When a file counts as complete, shown on the newest real files as one changes it. */
export function CompleteStep({ onNext, onBack }: StepProps) {
  const { t } = useTranslation();
  const { draft, change, secret, learn } = useWizard();
  const [quiet] = useDebouncedValue(draft.quiet_seconds, TYPING_PAUSE_MILLISECONDS);
  const [typed, setTyped] = useState<number | string>(draft.quiet_seconds);
  const { data: storage } = useInfiniteQuery(storageQuery());
  const places = storage?.pages[0]?.items.map((place) => place.id);
  const query = useQuery({
    ...previewQuery({
      ...sourceOf(draft, draft.account_id, secret),
      slug: draft.slug,
      quiet_seconds: quiet,
      start_from: startFrom(draft),
      // All of them: choosing some in the next step asks the instrument nothing.
      storage: (places ?? []).slice(0, MOST_PLACES).map((id) => ({ storage_location_id: id })),
    }),
    enabled: places !== undefined,
  });
  const found = query.data;
  useEffect(() => {
    if (found) learn({ preview: found });
  }, [found, learn]);
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("wizard.complete.hint")}
      </Text>
      <NumberInput
        label={t("wizard.complete.quiet")}
        description={<span translate="no">{formatDuration(draft.quiet_seconds)}</span>}
        min={0}
        max={2_592_000}
        value={typed}
        onChange={(value) => {
          setTyped(value);
          if (typeof value === "number") change({ quiet_seconds: value });
        }}
        onBlur={() => setTyped(draft.quiet_seconds)}
      />
      <Checkbox
        label={t("wizard.complete.new_only")}
        description={t("wizard.complete.new_only_hint")}
        checked={draft.new_only}
        onChange={(event) => change({ new_only: event.currentTarget.checked })}
      />
      {query.isPending && <Skeleton height={160} aria-label={t("common.loading")} />}
      {query.error && <ProblemPanel error={query.error} onRetry={() => void query.refetch()} />}
      {found && <PreviewFiles preview={found} />}
      <StepButtons onBack={onBack} onNext={onNext} />
    </Stack>
  );
}
