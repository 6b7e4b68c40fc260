import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { RunKind, RunRead } from "@/api/models";
import { NameLink } from "./links";
import classes from "./Rows.module.css";
import { RunState } from "./RunState";
import { Time } from "./Time";
import { useInstruments } from "./useInstruments";

/** A few runs, the newest first. */
export function RunList({ runs }: { runs: RunRead[] }) {
  const { t } = useTranslation();
  const { nameOf } = useInstruments();
  if (runs.length === 0) return <Text size="sm">{t("overview.runs.empty")}</Text>;
  return (
    <ul className={classes.list}>
      {runs.map((run) => (
        <li key={run.id} className={classes.row}>
          <div className={classes.words} style={{ flexBasis: 160 }}>
            <NameLink to="/runs/$runId" params={{ runId: run.id }} size="sm">
              {t(`runs.kind.${run.kind as RunKind}`)}
              {": "}
              <span translate="no">{nameOf(run.instrument_id) ?? run.zone}</span>
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
