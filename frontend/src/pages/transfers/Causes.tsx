import { Button, Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { CauseRead, CopyState } from "@/api/models";
import { causesQuery, useRetryTransfers } from "@/api/transfers";
import { formatCount } from "@/components/format";
import { TextLink } from "@/components/links";
import { Code } from "@/components/Mono";
import { ProblemPanel } from "@/components/ProblemPanel";
import rows from "@/components/Rows.module.css";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useMe } from "@/contexts/session";
import classes from "./Causes.module.css";

/** What failed and why, by cause, with its remedy and one press that tries all of it again. */
export function Causes({ instrumentId }: { instrumentId?: string }) {
  const { t } = useTranslation();
  const { data } = useQuery(causesQuery(instrumentId ? { instrument: instrumentId } : {}));
  if (!data || data.items.length === 0) return null;
  return (
    <Section title={t("transfers.causes.title")} hint={t("transfers.causes.lead")}>
      <Stack gap={0}>
        {data.items.map((cause) => (
          <Cause key={cause.error_code} cause={cause} instrumentId={instrumentId} />
        ))}
      </Stack>
    </Section>
  );
}

interface CauseProps {
  cause: CauseRead;
  instrumentId: string | undefined;
}

function Cause({ cause, instrumentId }: CauseProps) {
  const { t } = useTranslation();
  const me = useMe();
  const retry = useRetryTransfers();
  const number = formatCount(cause);
  return (
    <div className={classes.cause}>
      <Stack gap={2} className={rows.words}>
        <Text fw={600} size="sm" translate="no">
          {cause.title}
        </Text>
        <Text size="sm" translate="no">
          {cause.remedy}
        </Text>
        <Group gap="xs">
          <TextLink
            to="/transfers"
            search={{
              error_code: cause.error_code,
              state: Object.keys(cause.states) as CopyState[],
              ...(instrumentId && { instrument: [instrumentId] }),
            }}
            size="xs"
          >
            {t("transfers.causes.count", { count: cause.count, number })}
          </TextLink>
          <Text size="xs" c="dimmed" component="span">
            <Time at={cause.newest_at} />
            {" · "}
            <span translate="no">{cause.instruments.map((one) => one.name).join(", ")}</span>
            {" · "}
            <Code>{cause.error_code}</Code>
          </Text>
        </Group>
        {retry.error && <ProblemPanel error={retry.error} />}
      </Stack>
      {me.is_superuser && cause.retryable > 0 && (
        <Button
          variant="default"
          size="xs"
          leftSection={<IconRefresh size={14} />}
          loading={retry.isPending}
          onClick={() =>
            retry.mutate(
              { error_code: cause.error_code, instrument_id: instrumentId ?? null },
              {
                onSuccess: ({ retried }) =>
                  notifications.show({
                    message: t("transfers.causes.retried", { count: retried }),
                  }),
              },
            )
          }
        >
          {t("transfers.causes.retry")}
        </Button>
      )}
    </div>
  );
}
