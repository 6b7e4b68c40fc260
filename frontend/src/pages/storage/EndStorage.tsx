import { Select, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { storageQuery, useDrainStorage, useRetireStorage } from "@/api/storage";
import { ConfirmDialog } from "@/components/ConfirmDialog";
import { useEvery } from "@/components/useEvery";

interface EndProps {
  storage: StorageRead;
  onClose: () => void;
}

/** Nothing new goes there from now on; what lies there is copied to another location. */
export function DrainStorage({ storage, onClose }: EndProps) {
  const { t } = useTranslation();
  const drain = useDrainStorage(storage);
  const [to, setTo] = useState<string | null>(null);
  const others = useEvery(storageQuery()).filter(
    (one) => one.id !== storage.id && one.state === "active",
  );
  return (
    <ConfirmDialog
      title={t("storage.drain.title", { name: storage.name })}
      consequences={
        <Stack gap="sm">
          <Text size="sm">{t("storage.drain.consequences")}</Text>
          <Select
            label={t("storage.drain.to")}
            description={others.length === 0 ? t("storage.drain.none") : undefined}
            data={others.map((one) => ({ value: one.id, label: one.name }))}
            value={to}
            onChange={setTo}
            required
          />
        </Stack>
      }
      confirmLabel={t("storage.drain.confirm")}
      isReady={to !== null}
      isPending={drain.isPending}
      error={drain.error}
      onConfirm={() => to !== null && drain.mutate(to, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}

/** Its copies do not count any more; its files stay where they are. */
export function RetireStorage({ storage, onClose }: EndProps) {
  const { t } = useTranslation();
  const retire = useRetireStorage(storage);
  const [reason, setReason] = useState("");
  return (
    <ConfirmDialog
      danger
      title={t("storage.retire.title", { name: storage.name })}
      consequences={
        <Stack gap="sm">
          <Text size="sm">{t("storage.retire.consequences")}</Text>
          <Textarea
            label={t("storage.retire.reason")}
            description={t("storage.retire.reason_hint")}
            required
            autosize
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
        </Stack>
      }
      confirmLabel={t("storage.retire.confirm")}
      isReady={reason.trim() !== ""}
      isPending={retire.isPending}
      error={retire.error}
      onConfirm={() => retire.mutate(reason.trim(), { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}
