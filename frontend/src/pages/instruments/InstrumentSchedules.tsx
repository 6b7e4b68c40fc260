import { List, Text } from "@mantine/core";
import { IconEdit } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { InstrumentRead } from "@/api/models";
import { schedulesQuery } from "@/api/schedules";
import { ButtonLink } from "@/components/links";
import { ScheduleSentence } from "@/components/ScheduleSentence";
import { Section } from "@/components/Section";
import { useMe } from "@/contexts/session";

/** When the instrument is harvested by itself. */
export function InstrumentSchedules({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const me = useMe();
  const { data } = useInfiniteQuery({
    ...schedulesQuery({ instrument: instrument.id }),
    enabled: me.is_superuser,
  });
  if (!me.is_superuser) return null;
  const schedules = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Section
      title={t("instruments.schedules.title")}
      actions={
        <ButtonLink
          to="/schedules"
          search={{ instrument: instrument.id }}
          variant="default"
          size="xs"
          leftSection={<IconEdit size={14} />}
          aria-label={t("instruments.edit.schedule")}
        >
          {t("instruments.edit.button")}
        </ButtonLink>
      }
    >
      {schedules.length === 0 ? (
        <Text size="sm" c="dimmed">
          {t("instruments.schedules.empty")}
        </Text>
      ) : (
        <List size="sm" listStyleType="none">
          {schedules.map((schedule) => (
            <List.Item key={schedule.id}>
              <ScheduleSentence schedule={schedule} />
            </List.Item>
          ))}
        </List>
      )}
    </Section>
  );
}
