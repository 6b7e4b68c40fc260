import { List, Text } from "@mantine/core";
import { IconEdit } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { IncarnationPolicy, InstrumentRead } from "@/api/models";
import { Facts } from "@/components/Facts";
import { formatBytes, formatDuration, formatNumber, formatPercent } from "@/components/format";
import { ButtonLink, TextLink } from "@/components/links";
import { Code } from "@/components/Mono";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useMe } from "@/contexts/session";

/** How an instrument is reached and judged. What only admins may know is left out by the API. */
export function InstrumentFacts({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const me = useMe();
  const hours = instrument.quiet_hours as { from: string; to: string; time_zone: string } | null;
  return (
    <Section
      title={t("instruments.facts.title")}
      actions={
        me.is_superuser && (
          <ButtonLink
            to="/instruments/$instrumentId/edit"
            params={{ instrumentId: instrument.id }}
            variant="default"
            size="xs"
            leftSection={<IconEdit size={14} />}
            aria-label={t("instruments.edit.settings")}
          >
            {t("instruments.edit.button")}
          </ButtonLink>
        )
      }
    >
      <Facts
        items={[
          [
            t("instruments.columns.protocol"),
            <Code key="p">{instrument.protocol.toUpperCase()}</Code>,
          ],
          Boolean(instrument.mover) && [
            t("wizard.fields.mover"),
            <Code key="m">{instrument.mover ?? ""}</Code>,
          ],
          instrument.host !== null && [
            t("instruments.facts.host"),
            <Code key="h">{[instrument.host, instrument.port].filter(Boolean).join(":")}</Code>,
          ],
          instrument.url !== null && [
            t("instruments.facts.url"),
            <Code key="u">{instrument.url}</Code>,
          ],
          Boolean(instrument.root) && [
            t("instruments.facts.root"),
            <Code key="r">{instrument.root ?? ""}</Code>,
          ],
          [t("instruments.columns.zone"), <Code key="z">{instrument.zone}</Code>],
          [
            t("instruments.facts.quiet"),
            t("instruments.facts.quiet_value", {
              duration: formatDuration(instrument.quiet_seconds),
            }),
          ],
          [
            t("instruments.facts.incarnation"),
            t(`instruments.incarnation.${instrument.incarnation_policy as IncarnationPolicy}`),
          ],
          instrument.start_from !== null && [
            t("instruments.facts.start_from"),
            <Time key="s" at={instrument.start_from} exact />,
          ],
          [t("instruments.facts.connections"), formatNumber(instrument.connections)],
          [
            t("instruments.facts.bandwidth"),
            instrument.bandwidth_bytes_per_second === null
              ? t("instruments.facts.unlimited")
              : t("common.unit_rate", { size: formatBytes(instrument.bandwidth_bytes_per_second) }),
          ],
          hours !== null && [
            t("instruments.facts.quiet_hours"),
            <span key="q" translate="no">
              {hours.from}–{hours.to} {hours.time_zone}
            </span>,
          ],
          [
            t("instruments.facts.shrink"),
            t("instruments.facts.shrink_value", { share: formatPercent(instrument.shrink_ratio) }),
          ],
          instrument.storage.length > 0 && [
            t("instruments.facts.storage"),
            <StorageNames key="places" instrument={instrument} />,
          ],
        ]}
      />
    </Section>
  );
}

function StorageNames({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <List size="sm" listStyleType="none">
      {instrument.storage.map((place) => (
        <List.Item key={place.storage_location_id}>
          <span translate="no">
            {me.is_superuser ? (
              <TextLink to="/storage">{place.storage_name}</TextLink>
            ) : (
              place.storage_name
            )}
          </span>
          {!place.required && ` (${t("instruments.facts.storage_optional")})`}
          {place.template && (
            <div>
              <Code>{place.template}</Code>
            </div>
          )}
          {place.enough && (
            <Text size="xs" c="dimmed">
              {t("instruments.facts.enough")}{" "}
              {place.enough.map((one) => t(`transfers.evidence.from.${one}`)).join(", ")}
            </Text>
          )}
          {place.backfill_pending && (
            <Text size="xs" c="dimmed">
              {t("instruments.facts.backfill")}
            </Text>
          )}
        </List.Item>
      ))}
    </List>
  );
}
