import { Button, Modal, Stack, Switch, Table, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type HookRunFilters, useReplayHooks } from "@/api/hooks";
import type { HookChange } from "@/api/models";
import { PathText } from "@/components/Mono";
import { ProblemPanel } from "@/components/ProblemPanel";
import { OutcomePill } from "./outcome";

/** Asks hooks again about what the filters show: first what would change, then for good. */
export function ReplayHooks({ search, onClose }: { search: HookRunFilters; onClose: () => void }) {
  const { t } = useTranslation();
  const dry = useReplayHooks();
  const replay = useReplayHooks();
  const [failed, setFailed] = useState(search.outcome === "failed");
  const wanted = {
    failed,
    hook_id: search.hook ?? null,
    files: search.file ? [search.file] : [],
  };
  const where = search.instrument ? { instrument: [search.instrument] } : {};
  const done = replay.data;
  // All files of all hooks are never meant.
  const isNarrow = failed || Boolean(search.hook) || Boolean(search.file);
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("hooks.replay.title")}
      size="lg"
      closeButtonProps={{ "aria-label": t("common.actions.close") }}
    >
      <Stack>
        <Text size="sm">{t("hooks.replay.hint")}</Text>
        <Switch
          label={t("hooks.replay.failed")}
          checked={failed}
          onChange={(event) => setFailed(event.currentTarget.checked)}
        />
        {!isNarrow && (
          <Text size="sm" c="dimmed">
            {t("hooks.replay.narrow")}
          </Text>
        )}
        {(dry.error || replay.error) && <ProblemPanel error={dry.error ?? replay.error} />}
        {dry.data && !done && <Changes changes={dry.data.changes} />}
        {done && (
          <Text role="status">
            {t("hooks.replay.done", { count: done.asked, files: done.files })}
          </Text>
        )}
        <Button.Group style={{ justifyContent: "flex-end" }}>
          <Button
            variant="default"
            loading={dry.isPending}
            disabled={!isNarrow}
            onClick={() => dry.mutate({ body: { ...wanted, dry_run: true }, where })}
          >
            {t("hooks.replay.dry")}
          </Button>
          <Button
            loading={replay.isPending}
            disabled={Boolean(done) || !isNarrow}
            onClick={() => replay.mutate({ body: wanted, where })}
          >
            {t("hooks.replay.run")}
          </Button>
        </Button.Group>
      </Stack>
    </Modal>
  );
}

function Changes({ changes }: { changes: HookChange[] }) {
  const { t } = useTranslation();
  if (changes.length === 0) return <Text size="sm">{t("hooks.replay.none")}</Text>;
  return (
    <Table.ScrollContainer minWidth={420} mah={320}>
      <Table aria-label={t("hooks.replay.changes")}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("hooks.log.file")}</Table.Th>
            <Table.Th>{t("hooks.columns.name")}</Table.Th>
            <Table.Th>{t("hooks.log.outcome")}</Table.Th>
            <Table.Th>{t("hooks.replay.changes")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {changes.map((one) => (
            <Table.Tr key={`${one.file_id} ${one.hook_id}`}>
              <Table.Td maw={220}>
                <PathText path={one.path} />
              </Table.Td>
              <Table.Td translate="no">{one.hook_name}</Table.Td>
              <Table.Td>
                <OutcomePill outcome={one.outcome} />
              </Table.Td>
              <Table.Td>
                {one.error_detail ?? t(one.changed ? "hooks.replay.other" : "hooks.replay.same")}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
