import { Loader, Stack, Text } from "@mantine/core";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { useCheckStorage } from "@/api/storage";
import { CheckResult } from "@/components/CheckResult";
import { formatBytes } from "@/components/format";
import { ProblemPanel } from "@/components/ProblemPanel";

/** Lets a worker write, read back and remove a test file, and shows each step. */
export function StorageCheck({ storage }: { storage: StorageRead }) {
  const { t } = useTranslation();
  const check = useCheckStorage();
  const { mutate } = check;
  useEffect(() => mutate(storage.id), [storage.id, mutate]);
  if (check.error) {
    return <ProblemPanel error={check.error} onRetry={() => mutate(storage.id)} />;
  }
  if (!check.data) return <Loader type="dots" aria-label={t("common.loading")} />;
  return (
    <Stack>
      <CheckResult result={check.data} />
      {check.data.free_bytes ? (
        <Text size="sm">
          {t("storage.check.free", { size: formatBytes(check.data.free_bytes) })}
        </Text>
      ) : null}
    </Stack>
  );
}
