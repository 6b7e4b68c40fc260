import { Box, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconHelp } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { explainQuery } from "@/api/files";
import type { ExplanationRead } from "@/api/models";
import { CauseNote } from "./CauseNote";
import { NameLink } from "./links";
import { Code, PathText } from "./Mono";
import { ProblemPanel } from "./ProblemPanel";
import { Section } from "./Section";
import { StatusBadge } from "./StatusBadge";
import { isStatus } from "./statuses";

const TYPING_PAUSE_MILLISECONDS = 350;
const CANDIDATES_SHOWN = 5;

/** "Why is my file not here?": one sentence, one cause, one action, then the facts behind it. */
export function WhyBox({ instrumentId }: { instrumentId?: string }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [asked] = useDebouncedValue(typed.trim(), TYPING_PAUSE_MILLISECONDS);
  const query = useQuery(explainQuery(asked, instrumentId));
  return (
    <Section title={t("files.why.title")}>
      <div>
        <TextInput
          aria-label={t("files.why.label")}
          placeholder={t("files.why.hint")}
          leftSection={<IconHelp size={16} aria-hidden />}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          spellCheck={false}
        />
        <Box role="status" pt={query.error || (query.data && asked) ? "md" : 0}>
          {query.error && <ProblemPanel error={query.error} />}
          {query.data && asked && <Answer found={query.data} />}
        </Box>
      </div>
    </Section>
  );
}

function Answer({ found }: { found: ExplanationRead }) {
  const { t } = useTranslation();
  const candidates = found.candidates ?? [];
  return (
    <Stack gap="sm">
      {found.file && (
        <NameLink to="/files/$fileId" params={{ fileId: found.file.id }} size="sm">
          <PathText path={found.file.path} />
        </NameLink>
      )}
      <Text fw={600} size="sm" component="div">
        {isStatus(found.status) && <StatusBadge status={found.status} />}{" "}
        <span translate="no">{found.sentence}</span>
      </Text>
      {found.cause_code && (
        <CauseNote code={found.cause_code} detail={null} remedy={found.remedy} />
      )}
      {Object.keys(found.facts).length > 0 && (
        <details>
          <Text component="summary" size="xs" c="dimmed" style={{ cursor: "pointer" }}>
            {t("files.why.facts")}
          </Text>
          <Stack gap={2} pt={4}>
            {Object.entries(found.facts).map(([name, value]) => (
              <Code key={name}>{`${name}: ${plain(value)}`}</Code>
            ))}
          </Stack>
        </details>
      )}
      {candidates.length > 0 && (
        <Stack gap={4}>
          <Text size="xs" c="dimmed">
            {t("files.why.candidates")}
          </Text>
          {candidates.slice(0, CANDIDATES_SHOWN).map((file) => (
            <NameLink key={file.id} to="/files/$fileId" params={{ fileId: file.id }} size="sm">
              <PathText path={file.path} />
            </NameLink>
          ))}
        </Stack>
      )}
    </Stack>
  );
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
