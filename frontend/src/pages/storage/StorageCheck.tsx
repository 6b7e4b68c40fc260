import { Button, Group, Loader, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { storageOneQuery, useCheckStorage } from "@/api/storage";
import { CheckResult } from "@/components/CheckResult";
import { ProblemPanel } from "@/components/ProblemPanel";
import { healthOf } from "./health";
import { Learnt } from "./Learnt";

/** Lets a worker go the way of a file with a test file: each step, and what was learnt. */
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
    <Stack role="status">
      <CheckResult result={check.data} />
      {check.data.ok && <WhatWasLearnt id={storage.id} />}
      {!check.data.ok && (
        <Group>
          <Button variant="default" size="xs" onClick={() => mutate(storage.id)}>
            {t("storage.check.again")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function WhatWasLearnt({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data } = useQuery(storageOneQuery(id));
  if (!data) return null;
  return (
    <div>
      <Text size="sm" c="dimmed" mb={4}>
        {t("storage.learnt.title")}
      </Text>
      <Learnt health={healthOf(data)} />
    </div>
  );
}
