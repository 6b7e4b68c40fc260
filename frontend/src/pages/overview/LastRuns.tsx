import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { RunKind, RunRead } from "@/api/models";
import type { RunFilters } from "@/api/runs";
import { NameLink, TextLink } from "@/components/links";
import { RunState } from "@/components/RunState";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useInstruments } from "@/components/useInstruments";
import classes from "./NeedsYou.module.css";

/** The last runs, the newest first. */
export function LastRuns({ runs, filters = {} }: { runs: RunRead[]; filters?: RunFilters }) {
  const { t } = useTranslation();
  const { nameOf } = useInstruments();
  return (
    <Section
      title={t("overview.runs.title")}
      actions={
        <TextLink to="/runs" search={filters as never} size="sm">
          {t("common.actions.show_all")}
        </TextLink>
      }
    >
      {runs.length === 0 && <Text size="sm">{t("overview.runs.empty")}</Text>}
      <ul className={classes.list}>
        {runs.map((run) => (
          <li key={run.id} className={classes.need}>
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
    </Section>
  );
}
