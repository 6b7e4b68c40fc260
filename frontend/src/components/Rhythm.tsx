import { useTranslation } from "react-i18next";
import { formatNumber } from "./format";
import { Hint } from "./Hint";

const BAR = 5;
const GAP = 2;
const HEIGHT = 22;
const LEAST = 1.5;

/** How much an instrument makes, day by day: its rhythm shows at a glance when it breaks. */
export function Rhythm({ days }: { days: number[] }) {
  const { t } = useTranslation();
  const most = Math.max(1, ...days);
  const label = t("overview.rhythm.label", { values: days.map(formatNumber).join(", ") });
  return (
    <Hint label={label} multiline maw={300}>
      <svg
        role="img"
        aria-label={label}
        width={days.length * (BAR + GAP)}
        height={HEIGHT}
        style={{ display: "block" }}
      >
        {days.map((files, day) => {
          // The root shows small days beside a big one.
          const height = files === 0 ? LEAST : Math.max(3, Math.sqrt(files / most) * HEIGHT);
          return (
            <rect
              // biome-ignore lint/suspicious/noArrayIndexKey: a day is its place in the row
              key={day}
              x={day * (BAR + GAP)}
              y={HEIGHT - height}
              width={BAR}
              height={height}
              rx={1}
              fill={
                files === 0
                  ? "var(--sw-line)"
                  : "light-dark(var(--mantine-color-weave-6), var(--mantine-color-weave-5))"
              }
            />
          );
        })}
      </svg>
    </Hint>
  );
}
