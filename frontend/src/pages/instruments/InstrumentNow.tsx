import { Paper, SimpleGrid, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { progressQuery } from "@/api/instruments";
import type { CopyState, InstrumentRead, ProgressRead, TallyRead } from "@/api/models";
import { formatBytes, formatNumber } from "@/components/format";
import { TextLink } from "@/components/links";
import { Pending } from "@/components/Pending";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { InFlight } from "./InFlight";
import { LiveRun } from "./LiveRun";

/** The stations, with the states that each counts: those of files, then those of copies. */
const OF_FILES = ["settling", "held"] as const;
const OF_COPIES = {
  queued: ["queued"],
  in_flight: ["transferring", "proving", "publishing"],
  retry_wait: ["retry_wait"],
  failed: ["failed"],
  conflict: ["conflict"],
  available: ["available"],
} satisfies Partial<Record<keyof ProgressRead, CopyState[]>>;
type Station = (typeof OF_FILES)[number] | keyof typeof OF_COPIES;
const COPY_STATIONS = Object.keys(OF_COPIES) as (keyof typeof OF_COPIES)[];
/** Stations of trouble: shown when something is there. */
const QUIET: string[] = ["held", "conflict"];

/** What is going on at this moment: a number for each station of the way of a file. */
export function InstrumentNow({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const query = useQuery(progressQuery(instrument.id));
  return (
    <Section
      title={t("instruments.progress.title")}
      actions={<LiveRun instrument={instrument} />}
      hint={
        <>
          {t("instruments.columns.last_scan")}: <Time at={instrument.scan?.last_scan_at} />
        </>
      }
    >
      <Pending query={query}>
        {(progress) => (
          <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm">
            {OF_FILES.filter(isShown(progress)).map((name) => (
              <Tally key={name} label={t(`instruments.progress.${name}`)} tally={progress[name]}>
                {(props) => (
                  <TextLink
                    to="/files"
                    search={{ instrument: [instrument.id], state: [name] }}
                    {...props}
                  />
                )}
              </Tally>
            ))}
            {COPY_STATIONS.filter(isShown(progress)).map((name) => (
              <Tally key={name} label={t(`instruments.progress.${name}`)} tally={progress[name]}>
                {(props) => (
                  <TextLink
                    to="/transfers"
                    search={{ instrument: [instrument.id], state: OF_COPIES[name] }}
                    {...props}
                  />
                )}
              </Tally>
            ))}
          </SimpleGrid>
        )}
      </Pending>
      <InFlight instrument={instrument} />
    </Section>
  );
}

function isShown(progress: ProgressRead) {
  return (name: Station) => !QUIET.includes(name) || progress[name].files > 0;
}

interface LinkProps {
  "aria-label": string;
  fz: "xl";
  fw: number;
  children: string;
}

interface TallyProps {
  label: string;
  tally: TallyRead;
  /** The link to what is counted. */
  children: (props: LinkProps) => ReactNode;
}

function Tally({ label, tally, children }: TallyProps) {
  const number = formatNumber(tally.files);
  return (
    <Paper p="sm" radius="md">
      <Text size="xs" c="dimmed">
        {label}
      </Text>
      {tally.files === 0 ? (
        <Text fz="xl" fw={600} c="dimmed" translate="no">
          {number}
        </Text>
      ) : (
        children({ "aria-label": `${label}: ${number}`, fz: "xl", fw: 600, children: number })
      )}
      <Text size="xs" c="dimmed" translate="no">
        {formatBytes(tally.size_bytes)}
      </Text>
    </Paper>
  );
}
