import { Accordion, Button, Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { AttemptRead, FileStatus, TransferDetail } from "@/api/models";
import { transferQuery, useRetryTransfer } from "@/api/transfers";
import { Bytes } from "@/components/Bytes";
import { CauseNote } from "@/components/CauseNote";
import { CopyButton } from "@/components/CopyButton";
import { Evidence } from "@/components/Evidence";
import { Facts } from "@/components/Facts";
import { formatDuration, formatNumber } from "@/components/format";
import { TextLink } from "@/components/links";
import { HashText, PathText } from "@/components/Mono";
import { Page } from "@/components/Page";
import { Pending } from "@/components/Pending";
import { ProblemPanel } from "@/components/ProblemPanel";
import { Section } from "@/components/Section";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { useMe } from "@/contexts/session";

export function TransferPage() {
  const { transferId } = useParams({ from: "/app/transfers/$transferId" });
  const query = useQuery(transferQuery(transferId));
  return <Pending query={query}>{(copy) => <OneTransfer copy={copy} />}</Pending>;
}

function OneTransfer({ copy }: { copy: TransferDetail }) {
  const { t } = useTranslation();
  return (
    <Page
      title={copy.path.split("/").at(-1) ?? copy.path}
      isData
      parent={{ to: "/transfers", label: t("transfers.title") }}
      lead={<StatusBadge status={copy.state as FileStatus} />}
      actions={<Retry copy={copy} />}
    >
      {copy.error_code && (
        <CauseNote code={copy.error_code} detail={copy.error_detail} remedy={copy.remedy} />
      )}
      <Section title={t("transfers.facts.title")}>
        <CopyFacts copy={copy} />
      </Section>
      <Section title={t("transfers.evidence.title")}>
        <Evidence evidence={copy.evidence} />
      </Section>
      <Section title={t("transfers.attempt.attempts")} hint={t("transfers.attempt.attempts_hint")}>
        <Attempts attempts={copy.attempts} />
      </Section>
    </Page>
  );
}

function Retry({ copy }: { copy: TransferDetail }) {
  const { t } = useTranslation();
  const me = useMe();
  const retry = useRetryTransfer();
  if (!me.is_superuser || !["failed", "conflict"].includes(copy.state)) return null;
  return (
    <Stack gap="xs">
      <Button
        leftSection={<IconRefresh size={16} />}
        loading={retry.isPending}
        onClick={() =>
          retry.mutate(copy.id, {
            onSuccess: () => notifications.show({ message: t("transfers.retry.done") }),
          })
        }
      >
        {t("transfers.retry.button")}
      </Button>
      {retry.error && <ProblemPanel error={retry.error} />}
    </Stack>
  );
}

function CopyFacts({ copy }: { copy: TransferDetail }) {
  const { t } = useTranslation();
  return (
    <Facts
      items={[
        [
          t("transfers.facts.file"),
          <TextLink key="file" to="/files/$fileId" params={{ fileId: copy.file_id }} maw="100%">
            <PathText path={copy.path} />
          </TextLink>,
        ],
        [t("transfers.facts.version"), formatNumber(copy.version_number)],
        [
          t("transfers.facts.instrument"),
          <TextLink
            key="instrument"
            to="/instruments/$instrumentId"
            params={{ instrumentId: copy.instrument_id }}
            translate="no"
          >
            {copy.instrument_name}
          </TextLink>,
        ],
        [
          t("transfers.facts.storage"),
          <span key="storage" translate="no">
            {copy.storage_name}
          </span>,
        ],
        [t("transfers.facts.destination"), <PathText key="place" path={copy.dest_path} />],
        [t("transfers.facts.size"), <Bytes key="size" value={copy.size_bytes} />],
        copy.sha256 !== null && [
          t("transfers.facts.sha256"),
          <Group key="hash" gap={4}>
            <HashText hash={copy.sha256} />
            <CopyButton value={copy.sha256} />
          </Group>,
        ],
        [
          t("transfers.facts.mover"),
          <span key="mover" translate="no">
            {copy.mover}
          </span>,
        ],
        [t("transfers.facts.required"), t(copy.required ? "common.yes" : "common.no")],
        [t("transfers.facts.created"), <Time key="created" at={copy.created_at} />],
        [t("transfers.facts.since"), <Time key="since" at={copy.state_since} />],
        copy.available_at !== null && [
          t("transfers.facts.available"),
          <Time key="available" at={copy.available_at} />,
        ],
        copy.due_at !== null && [t("transfers.facts.due"), <Time key="due" at={copy.due_at} />],
        copy.failures > 0 && [
          t("transfers.facts.failures"),
          <TextLink key="failures" to="." hash="attempts">
            {formatNumber(copy.failures)}
          </TextLink>,
        ],
      ]}
    />
  );
}

type Outcome = "adopted" | "failed" | "lost" | "published" | "resumed";

/** Each try, the newest first, folded. */
function Attempts({ attempts }: { attempts: AttemptRead[] }) {
  const { t } = useTranslation();
  return (
    <Accordion variant="separated" multiple defaultValue={[]}>
      {attempts.map((attempt) => (
        <Accordion.Item key={attempt.id} value={attempt.id}>
          <Accordion.Control>
            <Group justify="space-between" gap="xs" pe="sm">
              <Text size="sm" fw={600}>
                {t("transfers.attempt.number", { number: attempt.number })}
                {": "}
                {t(`transfers.attempt.outcome.${attempt.outcome as Outcome}`)}
              </Text>
              <Text size="xs" c="dimmed" component="span">
                <Time at={attempt.started_at} />
                {" · "}
                {t("transfers.attempt.took", {
                  duration: formatDuration(seconds(attempt)),
                  worker: attempt.worker,
                })}
              </Text>
            </Group>
          </Accordion.Control>
          <Accordion.Panel>
            <Stack gap="sm">
              {attempt.error_code && (
                <CauseNote code={attempt.error_code} detail={attempt.error_detail} remedy={null} />
              )}
              {attempt.evidence && <Evidence evidence={attempt.evidence} />}
            </Stack>
          </Accordion.Panel>
        </Accordion.Item>
      ))}
    </Accordion>
  );
}

function seconds(attempt: AttemptRead): number {
  return (Date.parse(attempt.ended_at) - Date.parse(attempt.started_at)) / 1000;
}
