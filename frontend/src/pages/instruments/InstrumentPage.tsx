import { SimpleGrid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { instrumentQuery } from "@/api/instruments";
import type { InstrumentRead } from "@/api/models";
import { CauseNote } from "@/components/CauseNote";
import { Page } from "@/components/Page";
import { Pending } from "@/components/Pending";
import { WhyBox } from "@/components/WhyBox";
import { useMe } from "@/contexts/session";
import { InstrumentActions } from "./InstrumentActions";
import { InstrumentFacts } from "./InstrumentFacts";
import { InstrumentNow } from "./InstrumentNow";
import { InstrumentPeople } from "./InstrumentPeople";
import { InstrumentRuns } from "./InstrumentRuns";
import { InstrumentSchedules } from "./InstrumentSchedules";
import { ListingHeld } from "./ListingHeld";
import { InstrumentStateBadge } from "./state";

export function InstrumentPage() {
  const { instrumentId } = useParams({ from: "/app/instruments/$instrumentId" });
  const query = useQuery(instrumentQuery(instrumentId));
  return <Pending query={query}>{(one) => <OneInstrument instrument={one} />}</Pending>;
}

function OneInstrument({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const me = useMe();
  const { scan } = instrument;
  return (
    <Page
      title={instrument.name}
      isData
      parent={{ to: "/instruments", label: t("instruments.title") }}
      lead={
        <Stack gap={6} align="flex-start">
          {instrument.description && <span translate="no">{instrument.description}</span>}
          <InstrumentStateBadge instrument={instrument} />
        </Stack>
      }
      actions={<InstrumentActions instrument={instrument} />}
    >
      {scan?.listing_held_at && <ListingHeld instrument={instrument} />}
      {scan?.error_code && (
        <CauseNote code={scan.error_code} detail={scan.error_detail} remedy={null} />
      )}
      <InstrumentNow instrument={instrument} />
      <WhyBox instrumentId={instrument.id} />
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="lg">
        <InstrumentFacts instrument={instrument} />
        <Stack gap="lg">
          <InstrumentRuns instrument={instrument} />
          <InstrumentSchedules instrument={instrument} />
          {me.is_superuser && <InstrumentPeople instrument={instrument} />}
        </Stack>
      </SimpleGrid>
    </Page>
  );
}
