import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { InstrumentRead } from "@/api/models";
import { lastRunsQuery } from "@/api/runs";
import { TextLink } from "@/components/links";
import { Pending } from "@/components/Pending";
import { RunList } from "@/components/RunList";
import { Section } from "@/components/Section";

/** The last harvests of one instrument; a live one can be cancelled on its page. */
export function InstrumentRuns({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const query = useQuery(lastRunsQuery(instrument.id));
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
