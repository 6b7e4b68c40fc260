import { Group, Progress, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { liveQuery } from "@/api/instruments";
import type { FileStatus, InFlightRead, InstrumentRead, LiveRead } from "@/api/models";
import { formatBytes, formatNumber, formatPercent, formatRelative } from "@/components/format";
import { NameLink, TextLink } from "@/components/links";
import { PathText } from "@/components/Mono";
import { StatusBadge } from "@/components/StatusBadge";
import { Time } from "@/components/Time";
import { useNow } from "@/contexts/clock";

const SHOWN = 8;

/** What moves at this moment: rate, end, and the largest files with how far they are. */
export function InFlight({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const { data: live } = useQuery(liveQuery(instrument.id));
  if (!live || (live.in_flight.length === 0 && live.waiting.count === 0)) return null;
  return (
    <Stack gap="sm">
      <Rate live={live} instrumentId={instrument.id} />
      {live.in_flight.length > 0 && (
        <Stack gap="xs" component="section" aria-label={t("instruments.progress.in_flight_title")}>
          {live.in_flight.slice(0, SHOWN).map((file) => (
            <MovingFile key={file.copy_id} file={file} />
          ))}
        </Stack>
      )}
    </Stack>
  );
}

function Rate({ live, instrumentId }: { live: LiveRead; instrumentId: string }) {
  const { t } = useTranslation();
  const now = useNow();
  const rate = t("common.unit_rate", { size: formatBytes(live.bytes_per_second) });
  return (
    <Group gap="lg" fz="sm">
      <span>
        {t("instruments.progress.rate", {
          files: formatNumber(Math.round(live.files_per_second * 10) / 10),
          rate,
        })}
      </span>
      <TextLink
        to="/transfers"
        search={{ instrument: [instrumentId], state: ["queued", "retry_wait"] }}
      >
        {t("instruments.progress.left", {
          number: `${formatNumber(live.waiting.count)}${live.waiting.more ? "+" : ""}`,
          size: formatBytes(live.waiting_bytes),
        })}
      </TextLink>
      {live.eta && (
        <span>
          {t("instruments.progress.eta_when", {
            when: formatRelative((Date.parse(live.eta) - now) / 1000),
          })}
        </span>
      )}
    </Group>
  );
}

function MovingFile({ file }: { file: InFlightRead }) {
  const { t } = useTranslation();
  const share =
    file.received_bytes === null || file.size_bytes === 0
      ? null
      : Math.min(1, file.received_bytes / file.size_bytes);
  return (
    <div>
      <Group gap="sm" wrap="nowrap" justify="space-between">
        <NameLink to="/files/$fileId" params={{ fileId: file.file_id }} size="sm" miw={0}>
          <PathText path={file.path} />
        </NameLink>
        <Group gap="sm" wrap="nowrap">
          <Text size="xs" c="dimmed" component="span">
            {share === null
              ? formatBytes(file.size_bytes)
              : t("instruments.progress.received", {
                  share: formatPercent(share),
                  size: formatBytes(file.size_bytes),
                })}
            {" · "}
            <Time at={file.since} />
          </Text>
          <StatusBadge status={file.state as FileStatus} />
        </Group>
      </Group>
      {share !== null && <Progress value={share * 100} size="xs" mt={4} aria-label={file.path} />}
    </div>
  );
}
