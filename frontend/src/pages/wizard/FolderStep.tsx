import { Button, Group, Skeleton, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconCornerLeftUp, IconFile, IconFolder } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { folderQuery } from "@/api/instruments";
import type { FolderRead } from "@/api/models";
import { Bytes } from "@/components/Bytes";
import { CauseNote } from "@/components/CauseNote";
import { formatNumber } from "@/components/format";
import { Code } from "@/components/Mono";
import { ProblemPanel } from "@/components/ProblemPanel";
import { Time } from "@/components/Time";
import { topSourceOf } from "./draft";
import classes from "./FolderStep.module.css";
import { StepButtons, type StepProps } from "./WizardPage";
import { useWizard } from "./wizard";

/** Browses the share; the folder that is open is the one that is harvested. */
export function FolderStep({ onNext, onBack }: StepProps) {
  const { t } = useTranslation();
  const { draft, change, secret, learn } = useWizard();
  const source = topSourceOf(draft, draft.account_id, secret);
  const query = useQuery(folderQuery({ ...source, path: draft.folder }));
  const found = query.data;
  useEffect(() => {
    if (found) learn({ folder: found, preview: null });
  }, [found, learn]);
  const open = (folder: string) => change({ folder });
  return (
    <Stack>
      <Text size="sm" c="dimmed">
        {t("wizard.browse.hint")}
      </Text>
      <Text size="sm">
        <Code>{`${draft.root}${draft.folder ? `/${draft.folder}` : ""}` || "/"}</Code>
      </Text>
      {query.isFetching && <Skeleton height={180} aria-label={t("common.loading")} />}
      {query.error && <ProblemPanel error={query.error} onRetry={() => void query.refetch()} />}
      {found && !query.isFetching && <Folder found={found} folder={draft.folder} onOpen={open} />}
      <StepButtons onBack={onBack} onNext={onNext} disabled={found?.ok !== true} />
    </Stack>
  );
}

interface FolderProps {
  found: FolderRead;
  folder: string;
  onOpen: (folder: string) => void;
}

function Folder({ found, folder, onOpen }: FolderProps) {
  const { t } = useTranslation();
  const entries = found.entries ?? [];
  return (
    <div>
      {!found.ok && found.code && (
        <CauseNote code={found.code} detail={found.detail ?? null} remedy={found.remedy ?? null} />
      )}
      {folder && (
        <Button
          variant="subtle"
          size="xs"
          leftSection={<IconCornerLeftUp size={14} />}
          onClick={() => onOpen(folder.split("/").slice(0, -1).join("/"))}
        >
          {t("wizard.browse.up")}
        </Button>
      )}
      {found.ok && entries.length === 0 && <Text size="sm">{t("wizard.browse.empty")}</Text>}
      <ul className={classes.entries}>
        {entries.map((entry) => (
          <li key={entry.name} className={classes.entry}>
            {entry.directory ? (
              <UnstyledButton
                className={classes.folder}
                onClick={() => onOpen(folder ? `${folder}/${entry.name}` : entry.name)}
              >
                <IconFolder size={16} aria-hidden />
                <span translate="no">{entry.name}</span>
              </UnstyledButton>
            ) : (
              <Group gap={8} wrap="nowrap" justify="space-between">
                <span className={classes.folder}>
                  <IconFile size={16} aria-hidden />
                  <span translate="no">{entry.name}</span>
                </span>
                <Text size="xs" c="dimmed" component="span" style={{ whiteSpace: "nowrap" }}>
                  {entry.error_code && <Code>{`${entry.error_code} `}</Code>}
                  {entry.size_bytes !== null && <Bytes value={entry.size_bytes} />}
                  {entry.modified_at && (
                    <>
                      {" · "}
                      <Time at={entry.modified_at} />
                    </>
                  )}
                </Text>
              </Group>
            )}
          </li>
        ))}
      </ul>
      {found.truncated && (
        <Text size="xs" c="dimmed">
          {t("wizard.browse.more", {
            number: formatNumber(entries.length),
            total: formatNumber(found.total ?? 0),
          })}
        </Text>
      )}
    </div>
  );
}
