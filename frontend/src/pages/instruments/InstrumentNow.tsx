import { Paper, SimpleGrid, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { progressQuery } from "@/api/instruments";
import type { FileStatus, InstrumentRead, TallyRead } from "@/api/models";
import { formatBytes, formatNumber } from "@/components/format";
import { TextLink } from "@/components/links";
import { Pending } from "@/components/Pending";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { InFlight } from "./InFlight";

const SHOWN = [
  { name: "settling", state: "settling" },
  { name: "queued", state: "queued" },
  { name: "in_flight", state: "transferring" },
  { name: "retry_wait", state: "retry_wait" },
  { name: "failed", state: "failed" },
  { name: "available", state: "available" },
] as const;

/** What is going on at this moment: a number for each station of the way of a file. */
export function InstrumentNow({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const query = useQuery(progressQuery(instrument.id));
  return (
    <Section
      title={t("instruments.progress.title")}
      hint={
        <>
          {t("instruments.columns.last_scan")}: <Time at={instrument.scan?.last_scan_at} />
        </>
      }
    >
      <Pending query={query}>
        {(progress) => (
          <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm">
            {SHOWN.map(({ name, state }) => (
              <Tally
                key={name}
                label={t(`instruments.progress.${name}`)}
                tally={progress[name]}
                instrument={instrument.id}
                state={state}
              />
            ))}
          </SimpleGrid>
        )}
      </Pending>
      <InFlight instrument={instrument} />
    </Section>
  );
}

interface TallyProps {
  label: string;
  tally: TallyRead;
  instrument: string;
  state: FileStatus;
}

function Tally({ label, tally, instrument, state }: TallyProps) {
  return (
    <Paper p="sm" radius="md">
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      <TextLink
        to="/files"
        search={{ instrument: [instrument], state: [state] }}
        aria-label={`${label}: ${formatNumber(tally.files)}`}
        fz="xl"
        fw={600}
      >
        {formatNumber(tally.files)}
      </TextLink>
      <Text size="xs" c="dimmed" translate="no">
        {formatBytes(tally.size_bytes)}
      </Text>
    </Paper>
  );
}
