import { Button, Skeleton, Table } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import type { HourRead } from "@/api/models";
import { CountLink } from "@/components/CountLink";
import { formatBytes, formatShort } from "@/components/format";
import { painted } from "@/components/painted";
import { Section } from "@/components/Section";
import { WhenSeen } from "@/components/WhenSeen";

// The charts come when everything else is painted: their code takes as long as the rest together.
const ThroughputChart = lazy(async () => {
  await painted();
  return import("./ThroughputChart");
});
const HEIGHT = 200;
const HOUR_MILLISECONDS = 3_600_000;

/** What became available in each of the last 24 hours, as a chart or as a table. */
export function Throughput({ hours }: { hours: HourRead[] }) {
  const { t } = useTranslation();
  const [asTable, { toggle }] = useDisclosure(false);
  return (
    <Section
      title={t("overview.throughput.title")}
      hint={t("overview.throughput.hint")}
      actions={
        <Button variant="subtle" size="compact-xs" onClick={toggle}>
          {t(asTable ? "overview.throughput.chart" : "overview.throughput.table")}
        </Button>
      }
    >
      {asTable ? (
        <HoursTable hours={hours} />
      ) : (
        <WhenSeen height={HEIGHT}>
          <Suspense fallback={<Skeleton height={HEIGHT} />}>
            <ThroughputChart hours={hours} height={HEIGHT} />
          </Suspense>
        </WhenSeen>
      )}
    </Section>
  );
}

function endOf(hour: HourRead): string {
  return new Date(Date.parse(hour.hour) + HOUR_MILLISECONDS).toISOString();
}

function HoursTable({ hours }: { hours: HourRead[] }) {
  const { t } = useTranslation();
  return (
    <Table fz="sm" aria-label={t("overview.throughput.title")}>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t("overview.throughput.hour")}</Table.Th>
          <Table.Th ta="end">{t("overview.throughput.copies")}</Table.Th>
          <Table.Th ta="end">{t("overview.throughput.bytes")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody translate="no">
        {hours.toReversed().map((hour) => (
          <Table.Tr key={hour.hour}>
            <Table.Td>{formatShort(new Date(hour.hour))}</Table.Td>
            <Table.Td ta="end">
              <CountLink
                label={t("overview.throughput.copies")}
                count={{ count: hour.copies, more: false }}
                to="/transfers"
                search={{ available_after: hour.hour, available_before: endOf(hour) }}
              />
            </Table.Td>
            <Table.Td ta="end">{formatBytes(hour.size_bytes)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
