import { Button, Code, Group, Stack, Switch, Table, Text } from "@mantine/core";
import { IconFlask } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useTryHook } from "@/api/hooks";
import type { HookTrial } from "@/api/models";
import { InstrumentSelect } from "@/components/InstrumentChoice";
import { PathText } from "@/components/Mono";
import { ProblemPanel } from "@/components/ProblemPanel";
import { OutcomePill } from "./outcome";

interface TryHookProps {
  hook: string;
  config: Record<string, unknown>;
  pattern: string;
  /** The one that it holds for; empty for all. */
  instrumentId: string;
  /** Whose stored secrets the placeholders stand for. */
  hookId?: string;
}

/** The test bench: the draft against the newest files, with what it would have done with each. */
export function TryHook({ hook, config, pattern, instrumentId, hookId }: TryHookProps) {
  const { t } = useTranslation();
  const trial = useTryHook();
  const [chosen, setChosen] = useState<string | null>(null);
  const [live, setLive] = useState(false);
  const instrument = instrumentId || chosen;
  const run = () =>
    instrument &&
    trial.mutate({
      hook,
      config,
      live,
      instrument_id: instrument,
      pattern: pattern.trim() || null,
      ...(hookId ? { hook_id: hookId } : {}),
    });
  return (
    <Stack component="fieldset" gap="xs" p={0} m={0} style={{ border: 0, minWidth: 0 }}>
      <Text component="legend" fw={600}>
        {t("hooks.try.title")}
      </Text>
      <Text size="sm" c="dimmed">
        {t("hooks.try.hint")}
      </Text>
      {!instrumentId && (
        <InstrumentSelect
          label={t("hooks.try.instrument")}
          value={chosen}
          onChange={(value) => setChosen(value)}
        />
      )}
      <Group justify="space-between">
        <Switch
          label={t("hooks.try.live")}
          checked={live}
          onChange={(event) => setLive(event.currentTarget.checked)}
        />
        <Button
          variant="default"
          leftSection={<IconFlask size={16} />}
          disabled={!instrument}
          loading={trial.isPending}
          onClick={run}
        >
          {t("hooks.try.run")}
        </Button>
      </Group>
      {trial.error && <ProblemPanel error={trial.error} />}
      {trial.data && <Trials trials={trial.data.items} />}
    </Stack>
  );
}

function Trials({ trials }: { trials: HookTrial[] }) {
  const { t } = useTranslation();
  if (trials.length === 0) return <Text size="sm">{t("hooks.try.none")}</Text>;
  return (
    <Table.ScrollContainer minWidth={420}>
      <Table verticalSpacing="xs" aria-label={t("hooks.try.results")}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("hooks.try.file")}</Table.Th>
            <Table.Th>{t("hooks.try.outcome")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {trials.map((one) => (
            <Table.Tr key={`${one.origin} ${one.path}`}>
              <Table.Td maw={280}>
                <PathText path={one.path} />
              </Table.Td>
              <Table.Td>
                <OutcomePill outcome={one.outcome} />
                <Why trial={one} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Why({ trial }: { trial: HookTrial }) {
  const said = [trial.rule, trial.reason, trial.error_detail].filter(Boolean).join(": ");
  const shows = trial.answer && (trial.outcome === "answered" || trial.outcome === "redirect");
  return (
    <>
      {said && (
        <Text size="xs" c="dimmed" translate="no">
          {said}
        </Text>
      )}
      {shows && (
        <Code block mah={160} style={{ overflow: "auto" }}>
          {JSON.stringify(trial.answer, null, 1)}
        </Code>
      )}
    </>
  );
}
