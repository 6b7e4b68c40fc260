import { Button, Group, Stack, Text } from "@mantine/core";
import { IconRocket } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { storageQuery } from "@/api/storage";
import { Facts } from "@/components/Facts";
import { formatDuration } from "@/components/format";
import { Code } from "@/components/Mono";
import { cronInWords } from "@/components/ScheduleSentence";
import { sourceOf } from "./draft";
import { FlightCheck } from "./FlightCheck";
import type { StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

/** All that was set up, and the press that saves and starts it. */
export function GoStep({ onBack }: StepProps) {
  const { t } = useTranslation();
  const { draft } = useWizard();
  const [isFlying, setFlying] = useState(false);
  if (isFlying) return <FlightCheck />;
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("wizard.summary.hint")}
      </Text>
      <Summary />
      <Group justify="space-between">
        <Button variant="default" onClick={onBack}>
          {t("wizard.back")}
        </Button>
        <Button
          leftSection={<IconRocket size={16} />}
          disabled={!draft.name || !draft.slug || draft.storage.length === 0}
          onClick={() => setFlying(true)}
        >
          {t("wizard.summary.button")}
        </Button>
      </Group>
    </Stack>
  );
}

function Summary() {
  const { t } = useTranslation();
  const { draft } = useWizard();
  const { data } = useInfiniteQuery(storageQuery());
  const places = data?.pages.flatMap((page) => page.items) ?? [];
  const source = sourceOf(draft, draft.account_id, "");
  const { schedule } = draft;
  const names = draft.storage.map((id) => places.find((one) => one.id === id)?.name ?? id);
  return (
    <Facts
      items={[
        [
          t("wizard.fields.name"),
          <span key="name" translate="no">
            {draft.name}
          </span>,
        ],
        [t("wizard.fields.slug"), <Code key="slug">{draft.slug}</Code>],
        [t("wizard.fields.protocol"), t(`wizard.protocol.${draft.protocol}`)],
        [
          t("wizard.fields.host"),
          (source.url || source.host) && (
            <Code key="host">
              {source.url || [source.host, source.port].filter(Boolean).join(":")}
            </Code>
          ),
        ],
        [t("wizard.step.folder"), <Code key="root">{source.root || "/"}</Code>],
        [
          t("wizard.step.complete"),
          t("instruments.facts.quiet_value", { duration: formatDuration(draft.quiet_seconds) }),
        ],
        [
          t("wizard.step.storage"),
          <span key="storage" translate="no">
            {names.join(", ")}
          </span>,
        ],
        [
          t("wizard.step.schedule"),
          schedule.kind === "watch" ? (
            t("schedules.watch_sentence", { duration: formatDuration(schedule.rescan_seconds) })
          ) : (
            <span key="cron" translate="no">
              {cronInWords(schedule.cron)}, {schedule.time_zone}
            </span>
          ),
        ],
      ]}
    />
  );
}
