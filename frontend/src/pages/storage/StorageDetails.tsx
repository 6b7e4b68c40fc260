import { Button, Drawer, Group, Stack, Text } from "@mantine/core";
import { IconArchiveOff, IconPlugConnected, IconTransferOut } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { emptyingQuery, storageOneQuery } from "@/api/storage";
import { CauseNote } from "@/components/CauseNote";
import { Facts } from "@/components/Facts";
import { formatBytes, formatDuration, formatNumber } from "@/components/format";
import { Code } from "@/components/Mono";
import { Pending } from "@/components/Pending";
import { Time } from "@/components/Time";
import { DrainStorage, RetireStorage } from "./EndStorage";
import { healthOf } from "./health";
import { Learnt } from "./Learnt";
import { addressOf, isKind } from "./place";
import { StorageCheck } from "./StorageCheck";
import { StorageHealth } from "./StorageHealth";

/** All about one location: how it is, what it can do, and how it ends. */
export function StorageDetails({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const query = useQuery(storageOneQuery(id));
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="md"
      title={query.data?.name ?? t("common.loading")}
      closeButtonProps={{ "aria-label": t("common.actions.close") }}
    >
      <Pending query={query}>{(storage) => <OneStorage storage={storage} />}</Pending>
    </Drawer>
  );
}

type Task = "check" | "drain" | "retire";

function OneStorage({ storage }: { storage: StorageRead }) {
  const { t } = useTranslation();
  const [task, setTask] = useState<Task | null>(null);
  const health = healthOf(storage);
  const code = storage.error_code ?? health.trouble;
  const done = () => setTask(null);
  return (
    <Stack>
      <StorageHealth storage={storage} />
      {code && (
        <CauseNote code={code} detail={storage.cause ?? null} remedy={storage.remedy ?? null} />
      )}
      <StorageFacts storage={storage} />
      <Learnt health={health} />
      {storage.state === "draining" && (
        <Emptying storage={storage} onRetire={() => setTask("retire")} />
      )}
      {storage.state !== "retired" && (
        <Group>
          <Button
            variant="default"
            leftSection={<IconPlugConnected size={16} aria-hidden />}
            onClick={() => setTask("check")}
          >
            {t("storage.check.button")}
          </Button>
          {storage.state === "active" && (
            <Button
              variant="default"
              leftSection={<IconTransferOut size={16} aria-hidden />}
              onClick={() => setTask("drain")}
            >
              {t("storage.drain.button")}
            </Button>
          )}
        </Group>
      )}
      {task === "check" && <StorageCheck storage={storage} />}
      {task === "drain" && <DrainStorage storage={storage} onClose={done} />}
      {task === "retire" && <RetireStorage storage={storage} onClose={done} />}
    </Stack>
  );
}

function StorageFacts({ storage }: { storage: StorageRead }) {
  const { t } = useTranslation();
  const { looked_at, checked_at, latency_ms, recent_attempts, recent_failures } = healthOf(storage);
  const looked = looked_at ?? checked_at;
  return (
    <Facts
      items={[
        [t("storage.columns.kind"), isKind(storage.kind) && t(`storage.kind.${storage.kind}`)],
        [t("storage.columns.path"), <Code key="path">{addressOf(storage)}</Code>],
        [t("storage.columns.zone"), <Code key="zone">{storage.zone}</Code>],
        [t("storage.looked_at"), <Time key="looked" at={looked} />],
        latency_ms !== undefined && [t("storage.latency"), formatDuration(latency_ms / 1000)],
        !!recent_attempts && [
          t("storage.error_rate"),
          t("storage.error_rate_of", {
            failed: formatNumber(recent_failures ?? 0),
            all: formatNumber(recent_attempts),
            percent: formatNumber(
              Math.round((1000 * (recent_failures ?? 0)) / recent_attempts) / 10,
            ),
          }),
        ],
        storage.keep_free_bytes > 0 && [
          t("storage.fields.keep_free"),
          formatBytes(storage.keep_free_bytes),
        ],
        storage.quota_bytes !== null && [
          t("storage.fields.quota"),
          formatBytes(storage.quota_bytes),
        ],
        storage.paused_until !== null && [
          t("storage.paused_until"),
          <Time key="paused" at={storage.paused_until} exact />,
        ],
      ]}
    />
  );
}

/** How far it is from holding nothing that is not elsewhere, too; then it may end. */
function Emptying({ storage, onRetire }: { storage: StorageRead; onRetire: () => void }) {
  const { t } = useTranslation();
  const { data } = useQuery(emptyingQuery(storage.id));
  if (!data) return null;
  const isEmpty = data.only_here === 0;
  return (
    <Stack gap="xs" role="status">
      <Text fw={600}>{t("storage.emptying.title")}</Text>
      <Facts
        items={[
          [t("storage.emptying.proven_here"), formatNumber(data.proven_here)],
          [t("storage.emptying.only_here"), formatNumber(data.only_here)],
          [t("storage.emptying.waiting"), formatNumber(data.waiting_elsewhere)],
        ]}
      />
      <Text size="sm">{t(isEmpty ? "storage.emptying.ready" : "storage.emptying.going_on")}</Text>
      <Group>
        <Button
          color="red"
          variant="light"
          disabled={!isEmpty}
          leftSection={<IconArchiveOff size={16} aria-hidden />}
          onClick={onRetire}
        >
          {t("storage.retire.button")}
        </Button>
      </Group>
    </Stack>
  );
}
