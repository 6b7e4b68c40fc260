import { Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { IconCircleCheck, IconCircleX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { SystemRead, WorkerRead } from "@/api/models";
import { healthQuery, systemQuery } from "@/api/system";
import { Facts } from "@/components/Facts";
import { formatNumber } from "@/components/format";
import { TextLink } from "@/components/links";
import { Code } from "@/components/Mono";
import { Page } from "@/components/Page";
import { Pending } from "@/components/Pending";
import { Pill } from "@/components/Pill";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";

export function SystemPage() {
  const { t } = useTranslation();
  const query = useQuery(systemQuery());
  return (
    <Page title={t("system.title")} lead={t("system.lead")}>
      <Pending query={query}>
        {(system) => (
          <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
            <Parts system={system} />
            <Workers workers={system.workers} />
            <Lag system={system} />
          </SimpleGrid>
        )}
      </Pending>
    </Page>
  );
}

function Parts({ system }: { system: SystemRead }) {
  const { t } = useTranslation();
  const { data: health } = useQuery(healthQuery());
  const prefect = system.prefect as { reachable?: boolean; url?: string };
  return (
    <Section title={t("system.parts")}>
      <Facts
        items={[
          [t("system.version"), health && <Code>{health.version}</Code>],
          [t("system.database"), <Code key="database">{system.database}</Code>],
          [
            t("system.prefect"),
            <Stack key="prefect" gap={4} align="flex-start">
              {prefect.reachable ? (
                <Pill icon={IconCircleCheck} color="green">
                  {t("system.reachable")}
                </Pill>
              ) : (
                <Pill icon={IconCircleX} color="red">
                  {t("system.unreachable")}
                </Pill>
              )}
              <Code>{prefect.url ?? ""}</Code>
            </Stack>,
          ],
        ]}
      />
    </Section>
  );
}

function Workers({ workers }: { workers: WorkerRead[] }) {
  const { t } = useTranslation();
  return (
    <Section title={t("system.workers.title")}>
      {workers.length === 0 && <Text size="sm">{t("system.workers.empty")}</Text>}
      <Stack gap="xs">
        {workers.map((worker) => (
          <Group key={`${worker.name} ${worker.zone}`} gap="sm">
            {worker.alive ? (
              <Pill icon={IconCircleCheck} color="green">
                {t("system.workers.alive")}
              </Pill>
            ) : (
              <Pill icon={IconCircleX} color="red">
                {t("system.workers.gone")}
              </Pill>
            )}
            <Code>{worker.name}</Code>
            <Text size="sm" c="dimmed" component="span">
              {t("system.workers.zone", { zone: worker.zone })}
              {", "}
              {t("system.workers.seen")} <Time at={worker.seen_at} />
            </Text>
          </Group>
        ))}
      </Stack>
    </Section>
  );
}

function Lag({ system }: { system: SystemRead }) {
  const { t } = useTranslation();
  return (
    <Section title={t("system.lag")}>
      <Facts
        items={[
          [
            t("system.failed"),
            <TextLink key="failed" to="/transfers" search={{ state: ["failed"] }}>
              {formatNumber(system.copies_failed)}
            </TextLink>,
          ],
          [
            t("system.listings_held"),
            <TextLink key="held" to="/instruments" search={{ state: "listing_held" }}>
              {formatNumber(system.listings_held)}
            </TextLink>,
          ],
          [
            t("system.storage"),
            <TextLink key="storage" to="/storage" search={{ in_trouble: true }}>
              {formatNumber(system.storage_with_errors)}
            </TextLink>,
          ],
          [
            t("system.audit"),
            <TextLink key="audit" to="/audit" search={{ sealed: false }}>
              {formatNumber(system.audit_unsealed)}
            </TextLink>,
          ],
          [t("system.outbox"), formatNumber(system.outbox_waiting)],
          system.outbox_oldest_at !== null && [
            t("system.oldest"),
            <Time key="oldest" at={system.outbox_oldest_at} />,
          ],
        ]}
      />
    </Section>
  );
}
