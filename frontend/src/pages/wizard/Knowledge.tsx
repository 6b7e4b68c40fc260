import { Button, Stack, Text } from "@mantine/core";
import { IconCircleCheck, IconCircleX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { PreviewFile } from "@/api/models";
import { Facts } from "@/components/Facts";
import { formatNumber } from "@/components/format";
import { Code } from "@/components/Mono";
import { Pill } from "@/components/Pill";
import { Section } from "@/components/Section";
import { rendered, understood } from "@/pages/storage/template";
import type { Draft } from "./draft";
import { PreviewFiles } from "./PreviewFiles";
import { useWizard } from "./wizard";

/** What was learnt from the source so far: always beside the step. */
export function Knowledge({ onDiscard }: { onDiscard: () => void }) {
  const { t } = useTranslation();
  const { draft, known, discard } = useWizard();
  const { check, folder, preview } = known;
  const startOver = () => {
    discard();
    onDiscard();
  };
  const isEmpty = !check && !folder && !preview && !draft.name;
  return (
    <Section
      title={t("wizard.know.title")}
      actions={
        <Button variant="subtle" size="compact-xs" onClick={startOver}>
          {t("wizard.discard")}
        </Button>
      }
    >
      {isEmpty && (
        <Text size="sm" c="dimmed">
          {t("wizard.know.nothing")}
        </Text>
      )}
      <Stack gap="md">
        <Facts
          items={[
            draft.name !== "" && [
              t("wizard.fields.name"),
              <span key="name" translate="no">
                {draft.name}
              </span>,
            ],
            draft.name !== "" && [
              t("wizard.fields.protocol"),
              t(`wizard.protocol.${draft.protocol}`),
            ],
            check !== null && [
              t("wizard.know.connection"),
              check.ok ? (
                <Pill key="check" icon={IconCircleCheck} color="green">
                  {t("instruments.check.ok")}
                </Pill>
              ) : (
                <Pill key="check" icon={IconCircleX} color="red">
                  {t("instruments.check.failed")}
                </Pill>
              ),
            ],
            folder !== null && [
              t("wizard.know.folder"),
              <Code key="folder">
                {[draft.root, draft.folder].filter(Boolean).join("/") || "/"}
              </Code>,
            ],
          ]}
        />
        {preview?.ok && (
          <div>
            <Text size="sm" c="dimmed" mb={4}>
              {t("wizard.know.files", { number: formatNumber((preview.files ?? []).length) })}
            </Text>
            <PreviewFiles
              preview={preview}
              places={draft.storage}
              pathAt={(place, file) => byTemplate(draft, place, file)}
            />
          </div>
        )}
      </Stack>
    </Section>
  );
}

/** The path that a chosen template makes; null where the usual one holds. */
function byTemplate(draft: Draft, place: string, file: PreviewFile): string | null {
  const template = draft.rules[place]?.template;
  const read = template ? understood(template) : null;
  return read && "parts" in read ? rendered(read.parts, draft.slug, file) : null;
}
