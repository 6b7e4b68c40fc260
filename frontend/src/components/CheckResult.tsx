import { List, Stack, Text, ThemeIcon } from "@mantine/core";
import { IconCheck, IconFile, IconFolder } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { CheckRead } from "@/api/models";
import { CauseNote } from "./CauseNote";

interface Entry {
  name: string;
  directory?: boolean;
}

const ENTRIES_SHOWN = 12;

/** What a connection test found: each step that went well, then what is there. */
export function CheckResult({ result }: { result: CheckRead }) {
  const { t, i18n } = useTranslation();
  const stepName = (step: string) => {
    const key = `checks.steps.${step.replaceAll(":", "_")}`;
    return i18n.exists(key) ? t(key as never) : step;
  };
  const entries = (result.entries as (Entry | string)[]).map((entry) =>
    typeof entry === "string" ? { name: entry } : entry,
  );
  return (
    <Stack>
      <Text fw={600}>
        {t(result.ok ? "instruments.check.ok" : "instruments.check.failed")}
        {result.latency_ms ? (
          <Text span size="sm" c="dimmed" fw={400}>
            {" "}
            {t("instruments.check.latency", { milliseconds: Math.round(result.latency_ms) })}
          </Text>
        ) : null}
      </Text>
      <List
        spacing={6}
        size="sm"
        icon={
          <ThemeIcon size={20} radius="xl" color="green" variant="light" aria-hidden>
            <IconCheck size={13} />
          </ThemeIcon>
        }
      >
        {(result.steps as string[]).map((step) => (
          <List.Item key={step}>{stepName(step)}</List.Item>
        ))}
      </List>
      {result.code && (
        <CauseNote
          code={result.code}
          detail={result.detail ?? null}
          remedy={result.remedy ?? null}
        />
      )}
      {result.write_refused === true && <Text size="sm">{t("instruments.check.read_only")}</Text>}
      {result.write_refused === false && <Text size="sm">{t("instruments.check.writable")}</Text>}
      {entries.length > 0 && (
        <div>
          <Text size="sm" c="dimmed" mb={4}>
            {t("instruments.check.entries")}
          </Text>
          <List size="sm" spacing={2} listStyleType="none" translate="no">
            {entries.slice(0, ENTRIES_SHOWN).map((entry) => (
              <List.Item
                key={entry.name}
                icon={
                  entry.directory ? (
                    <IconFolder size={16} aria-hidden />
                  ) : (
                    <IconFile size={16} aria-hidden />
                  )
                }
              >
                {entry.name}
              </List.Item>
            ))}
          </List>
        </div>
      )}
    </Stack>
  );
}
