import { Text, Timeline } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { auditQuery } from "@/api/audit";
import type { InstrumentRead } from "@/api/models";
import { TextLink } from "@/components/links";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { ActionName, ActorName } from "@/pages/audit/names";

const SHOWN = 8;

/** What happened to an instrument, the newest first, from the audit trail. */
export function InstrumentTimeline({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const { data } = useInfiniteQuery(auditQuery({ instrument: instrument.id }));
  const events = data?.pages[0]?.items.slice(0, SHOWN) ?? [];
  return (
    <Section
      title={t("instruments.timeline.title")}
      actions={
        <TextLink to="/audit" search={{ instrument: instrument.id }} size="sm">
          {t("common.actions.show_all")}
        </TextLink>
      }
    >
      {data && events.length === 0 && <Text size="sm">{t("instruments.timeline.empty")}</Text>}
      <Timeline bulletSize={12} lineWidth={2}>
        {events.map((event) => (
          <Timeline.Item key={event.id} title={<ActionName action={event.action} />}>
            <Text size="xs" c="dimmed" component="div">
              <Time at={event.at} />
              {" · "}
              <ActorName actor={event.actor} />
            </Text>
          </Timeline.Item>
        ))}
      </Timeline>
    </Section>
  );
}
