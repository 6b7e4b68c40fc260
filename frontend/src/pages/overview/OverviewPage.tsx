import { SimpleGrid } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { OverviewRead } from "@/api/models";
import { overviewQuery } from "@/api/overview";
import { Empty } from "@/components/Empty";
import { ButtonLink } from "@/components/links";
import { Page } from "@/components/Page";
import { Pending } from "@/components/Pending";
import { Section } from "@/components/Section";
import { WhyBox } from "@/components/WhyBox";
import { useMe } from "@/contexts/session";
import { Fill } from "./Fill";
import { LastRuns } from "./LastRuns";
import { NeedsYou } from "./NeedsYou";
import { Newest } from "./Newest";
import { Streams } from "./Streams";
import { Throughput } from "./Throughput";

export function OverviewPage() {
  const { t } = useTranslation();
  const query = useQuery(overviewQuery());
  return (
    <Page title={t("overview.title")} lead={t("overview.lead")}>
      <Pending query={query}>{(overview) => <Blocks overview={overview} />}</Pending>
    </Page>
  );
}

function Blocks({ overview }: { overview: OverviewRead }) {
  const { t } = useTranslation();
  const { is_superuser: isAdmin } = useMe();
  if (isAdmin && overview.streams.length === 0) {
    return (
      <Section title={t("overview.streams.title")}>
        <Empty
          title={t("overview.start.title")}
          hint={t("overview.start.hint")}
          action={
            <ButtonLink to="/instruments/new" leftSection={<IconPlus size={16} />}>
              {t("instruments.add")}
            </ButtonLink>
          }
        />
      </Section>
    );
  }
  return (
    <>
      {!isAdmin && <Newest files={overview.newest} />}
      <NeedsYou needs={overview.needs_you} />
      <Streams streams={overview.streams} at={overview.at} />
      <WhyBox />
      <SimpleGrid cols={{ base: 1, lg: isAdmin ? 2 : 1 }} spacing="lg">
        <Throughput hours={overview.throughput} />
        {isAdmin && <Fill places={overview.storage} />}
      </SimpleGrid>
      <SimpleGrid cols={{ base: 1, lg: isAdmin ? 2 : 1 }} spacing="lg">
        {isAdmin && <Newest files={overview.newest} />}
        <LastRuns runs={overview.runs} />
      </SimpleGrid>
    </>
  );
}
