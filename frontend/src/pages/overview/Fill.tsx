import { Group, Progress, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { FillRead } from "@/api/models";
import { formatBytes, formatPercent, formatRelative } from "@/components/format";
import { TextLink } from "@/components/links";
import { Section } from "@/components/Section";
import { useNow } from "@/contexts/clock";

const NEARLY_FULL = 0.9;
type Reason = "not_growing" | "not_measured" | "too_few_measurements";

/** How full each storage location is, and when it will be. */
export function Fill({ places }: { places: FillRead[] }) {
  const { t } = useTranslation();
  return (
    <Section title={t("overview.fill.title")}>
      {places.length === 0 && <Text size="sm">{t("overview.fill.empty")}</Text>}
      <Stack gap="md">
        {places.map((place) => (
          <Place key={place.id} place={place} />
        ))}
      </Stack>
    </Section>
  );
}

function Place({ place }: { place: FillRead }) {
  const { t } = useTranslation();
  const now = useNow();
  const { total_bytes: total, free_bytes: free, used_bytes: used } = place;
  const isMeasured = total !== null && free !== null && used !== null && total > 0;
  const share = isMeasured ? used / total : 0;
  const forecast = place.forecast_full_at
    ? t("overview.fill.forecast", {
        when: formatRelative((Date.parse(place.forecast_full_at) - now) / 1000),
      })
    : t(`overview.fill.reason.${(place.forecast_reason ?? "not_measured") as Reason}`);
  return (
    <div>
      <Group justify="space-between" gap="xs" mb={4}>
        <TextLink to="/storage" c="inherit" fw={600} size="sm" translate="no">
          {place.name}
        </TextLink>
        <Text size="sm" c="dimmed">
          {isMeasured &&
            t("overview.fill.free", { free: formatBytes(free), total: formatBytes(total) })}
        </Text>
      </Group>
      {isMeasured && (
        <Progress
          value={share * 100}
          color={share > NEARLY_FULL ? "orange" : "weave"}
          aria-label={`${place.name}: ${formatPercent(share)}`}
        />
      )}
      <Text size="xs" c="dimmed" mt={4}>
        {forecast}
      </Text>
    </div>
  );
}
