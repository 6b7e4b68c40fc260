import { Group, Stack, Text, Timeline } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { storyQuery } from "@/api/files";
import type { StoryStep } from "@/api/models";
import { CauseNote } from "@/components/CauseNote";
import { CopyButton } from "@/components/CopyButton";
import { Evidence } from "@/components/Evidence";
import { formatBytes, formatDuration } from "@/components/format";
import { Code, HashText } from "@/components/Mono";
import { Pending } from "@/components/Pending";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { ActorName } from "@/pages/audit/names";
import { lookOf } from "./storyLooks";
import { useStepTitle } from "./useStepTitle";

/** From first sight to last proof: each step with its time and what proves it. */
export function FileStory({ fileId }: { fileId: string }) {
  const { t } = useTranslation();
  const query = useQuery(storyQuery(fileId));
  return (
    <Section anchor="story" title={t("files.story.title")} hint={t("files.story.hint")}>
      <Pending query={query}>
        {(story) => (
          <>
            {story.truncated && <Text size="sm">{t("files.story.truncated")}</Text>}
            <Timeline bulletSize={26} lineWidth={2} active={story.steps.length}>
              {story.steps.map((step) => {
                const { icon: Icon, color } = lookOf(step);
                return (
                  <Timeline.Item
                    key={`${step.at} ${step.kind} ${step.version} ${step.copy_id} ${step.number} ${step.audit_event_id}`}
                    bullet={<Icon size={14} aria-hidden />}
                    color={color}
                  >
                    <Step step={step} />
                  </Timeline.Item>
                );
              })}
            </Timeline>
          </>
        )}
      </Pending>
    </Section>
  );
}

function Step({ step }: { step: StoryStep }) {
  const { t } = useTranslation();
  const title = useStepTitle()(step);
  return (
    <Stack gap={4} miw={0}>
      <Group gap="xs">
        <Text size="sm" fw={600}>
          {title}
        </Text>
        <Text size="xs" c="dimmed" component="span">
          <Time at={step.ended_at ?? step.at} />
        </Text>
      </Group>
      <StepFacts step={step} />
      {step.error_code && (
        <CauseNote code={step.error_code} detail={step.error_detail} remedy={step.remedy} />
      )}
      {step.evidence && (
        <details>
          <Text component="summary" size="xs" c="dimmed" style={{ cursor: "pointer" }}>
            {t("files.story.more")}
          </Text>
          <Stack gap="xs" pt="xs">
            <Evidence evidence={step.evidence} />
            {step.audit_event_id && (
              <Text size="xs" c="dimmed">
                {t("files.story.event")} <Code>{step.audit_event_id}</Code>
              </Text>
            )}
          </Stack>
        </details>
      )}
    </Stack>
  );
}

function StepFacts({ step }: { step: StoryStep }) {
  const { t } = useTranslation();
  const seconds = step.ended_at ? (Date.parse(step.ended_at) - Date.parse(step.at)) / 1000 : null;
  const parts = [
    step.size_bytes !== null && <span translate="no">{formatBytes(step.size_bytes)}</span>,
    step.identifier !== null && <Code>{step.identifier}</Code>,
    step.sha256 !== null && (
      <Group gap={2} component="span" display="inline-flex">
        <HashText hash={step.sha256} />
        <CopyButton value={step.sha256} />
      </Group>
    ),
    seconds !== null && t("files.story.took", { duration: formatDuration(seconds) }),
    step.worker !== null && <Code>{step.worker}</Code>,
    step.actor !== null && (
      <>
        {t("files.story.actor")} <ActorName actor={step.actor} />
      </>
    ),
  ].filter(Boolean);
  if (parts.length === 0) return null;
  return (
    <Group gap="xs" fz="xs" c="dimmed">
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a step don't change their order
        <span key={index}>{part}</span>
      ))}
    </Group>
  );
}
