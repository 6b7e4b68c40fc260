import { LineChart } from "@mantine/charts";
import "@mantine/charts/styles.css";
import { Text } from "@mantine/core";
import { useReducedMotion } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import { formatNumber } from "@/components/format";

export interface Curve {
  x: number[];
  y: number[];
  x_label: string;
  y_label: string;
  x_falls: boolean;
}

/** A spectrum or chromatogram. Loaded by itself: charts weigh as much as the rest of the page. */
export default function PreviewCurve({ curve, label }: { curve: Curve; label: string }) {
  const { t } = useTranslation();
  const still = useReducedMotion();
  const data = curve.x.map((x, at) => ({ x, y: curve.y[at] ?? 0 }));
  const highest = data.reduce((best, one) => (one.y > best.y ? one : best), { x: 0, y: 0 });
  return (
    <>
      <div role="img" aria-label={label}>
        <LineChart
          h={200}
          data={data}
          dataKey="x"
          series={[{ name: "y", label: curve.y_label || label, color: "weave.6" }]}
          curveType="linear"
          withDots={false}
          gridAxis="none"
          xAxisProps={{
            type: "number",
            domain: ["dataMin", "dataMax"],
            reversed: curve.x_falls,
            tickFormatter: short,
          }}
          yAxisProps={{ hide: true }}
          lineProps={{ isAnimationActive: !still, strokeWidth: 1 }}
        />
      </div>
      <Text size="xs" c="dimmed">
        {t("files.metadata.curve_in_words", {
          points: formatNumber(data.length),
          x: curve.x_label,
          highest: short(highest.x),
        })}
      </Text>
    </>
  );
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
