import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { InstrumentRead } from "@/api/models";
import { lastRunsQuery } from "@/api/runs";
import { TextLink } from "@/components/links";
import { Pending } from "@/components/Pending";
import { RunList } from "@/components/RunList";
import { Section } from "@/components/Section";

/** The last harvests of one instrument; a watched one may have none of its own. */
export function InstrumentRuns({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const query = useQuery(lastRunsQuery(instrument.id));
  if (query.data?.items.length === 0) return null;
  return (
    <Section
      title={t("overview.runs.title")}
      actions={
        <TextLink to="/runs" search={{ instrument: instrument.id }} size="sm">
          {t("common.actions.show_all")}
        </TextLink>
      }
    >
      <Pending query={query}>{(page) => <RunList runs={page.items} />}</Pending>
    </Section>
  );
}
