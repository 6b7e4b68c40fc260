import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { RunKind, RunRead } from "@/api/models";
import { InstrumentName } from "./InstrumentChoice";
import { NameLink } from "./links";
import classes from "./Rows.module.css";
import { RunState } from "./RunState";
import { Time } from "./Time";

/** A few runs, the newest first. */
export function RunList({ runs }: { runs: RunRead[] }) {
  const { t } = useTranslation();
  if (runs.length === 0) return <Text size="sm">{t("overview.runs.empty")}</Text>;
  return (
    <ul className={classes.list}>
      {runs.map((run) => (
        <li key={run.id} className={classes.row}>
          <div className={classes.words} style={{ flexBasis: 160 }}>
            <NameLink to="/runs/$runId" params={{ runId: run.id }} size="sm">
              {t(`runs.kind.${run.kind as RunKind}`)}
              {": "}
              {run.instrument_id ? (
                <InstrumentName id={run.instrument_id} />
              ) : (
                <span translate="no">{run.zone}</span>
              )}
            </NameLink>
          </div>
          <Group gap="sm">
            <RunState run={run} />
            <Text size="xs" c="dimmed" component="span">
              <Time at={run.started_at ?? run.requested_at} />
            </Text>
          </Group>
        </li>
      ))}
    </ul>
  );
}
