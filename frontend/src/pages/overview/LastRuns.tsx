import { useTranslation } from "react-i18next";
import type { RunRead } from "@/api/models";
import { TextLink } from "@/components/links";
import { RunList } from "@/components/RunList";
import { Section } from "@/components/Section";

/** The last runs, the newest first. */
export function LastRuns({ runs }: { runs: RunRead[] }) {
  const { t } = useTranslation();
  return (
    <Section
      title={t("overview.runs.title")}
      actions={
        <TextLink to="/runs" size="sm">
          {t("common.actions.show_all")}
        </TextLink>
      }
    >
      <RunList runs={runs} />
    </Section>
  );
}
