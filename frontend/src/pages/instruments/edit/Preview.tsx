import { Button, Group, Stack } from "@mantine/core";
import { IconListCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { previewQuery } from "@/api/instruments";
import type { SourcePreview } from "@/api/models";
import { ProblemPanel } from "@/components/ProblemPanel";
import { PreviewFiles } from "@/pages/wizard/PreviewFiles";
import { sourceBody } from "../source";
import type { EditForm } from "./useEditForm";

/** What these rules would make of the newest real files, and where each would go. */
export function Preview({ form }: { form: EditForm }) {
  const { t } = useTranslation();
  const { values } = form;
  const [asked, setAsked] = useState<SourcePreview | null>(null);
  const places = values.storage.map((one) => one.storage_location_id);
  const now: SourcePreview = {
    ...sourceBody(values, values.account_id, values.secret),
    zone: values.zone.trim(),
    slug: values.slug,
    quiet_seconds: Number(values.quiet_seconds),
    start_from: values.start_from,
    storage: values.storage.map((one) => ({
      storage_location_id: one.storage_location_id,
      template: one.template || null,
    })),
  };
  const query = useQuery({
    ...previewQuery(asked ?? now),
    enabled: asked !== null,
    placeholderData: undefined,
  });
  // What other rules made of the files says nothing about these.
  const isOfThis = JSON.stringify(asked) === JSON.stringify(now);
  return (
    <Stack gap="sm">
      <Group>
        <Button
          variant="default"
          leftSection={<IconListCheck size={16} />}
          loading={query.isFetching}
          onClick={() => (isOfThis ? void query.refetch() : setAsked(now))}
        >
          {t("instruments.edit.preview")}
        </Button>
      </Group>
      <div role="status">
        {isOfThis && query.error && <ProblemPanel error={query.error} />}
        {isOfThis && query.data && <PreviewFiles preview={query.data} places={places} />}
      </div>
    </Stack>
  );
}
