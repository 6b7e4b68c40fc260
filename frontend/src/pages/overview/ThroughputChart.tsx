import { AreaChart } from "@mantine/charts";
import "@mantine/charts/styles.css";
import { useReducedMotion } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import type { HourRead } from "@/api/models";
import { formatBytes } from "@/components/format";
import { formatLocale } from "@/i18n";

interface ThroughputChartProps {
  hours: HourRead[];
  height: number;
}

/** Loaded by itself: charts weigh as much as the rest of the page. */
export default function ThroughputChart({ hours, height }: ThroughputChartProps) {
  const { t } = useTranslation();
  const still = useReducedMotion();
  const format = new Intl.DateTimeFormat(formatLocale(), { hour: "2-digit", hourCycle: "h23" });
  const data = hours.map((hour) => ({
    hour: format.format(new Date(hour.hour)),
    bytes: hour.size_bytes,
  }));
  return (
    <div role="img" aria-label={t("overview.throughput.title")}>
      <AreaChart
        h={height}
        data={data}
        dataKey="hour"
        series={[{ name: "bytes", label: t("overview.throughput.bytes"), color: "weave.6" }]}
        curveType="monotone"
        valueFormatter={formatBytes}
        withDots={false}
        gridAxis="y"
        yAxisProps={{ width: 68 }}
        areaProps={{ isAnimationActive: !still }}
      />
    </div>
  );
}
