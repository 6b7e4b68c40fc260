import { Button, Stack, Text } from "@mantine/core";
import { IconPlaneDeparture } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { instrumentQuery } from "@/api/instruments";
import type { FlightRead, InstrumentRead } from "@/api/models";
import { Page } from "@/components/Page";
import { Pending } from "@/components/Pending";
import { ProblemPanel } from "@/components/ProblemPanel";
import { Time } from "@/components/Time";
import { FlightStations } from "./FlightStations";
import { isUnderWay, useFlightCheck } from "./useFlightCheck";

export function FlightPage() {
  const { instrumentId } = useParams({ from: "/app/instruments/$instrumentId/flight" });
  const query = useQuery(instrumentQuery(instrumentId));
  return <Pending query={query}>{(one) => <OneFlight instrument={one} />}</Pending>;
}

function OneFlight({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const { flight, error, isLoading, isStarting, begin } = useFlightCheck(instrument.id);
  return (
    <Page
      title={t("instruments.flight.title")}
      parent={{ to: `/instruments/${instrument.id}`, label: instrument.name, isData: true }}
      lead={t("instruments.flight.lead")}
      actions={
        <Button
          leftSection={<IconPlaneDeparture size={16} />}
          loading={isStarting || isUnderWay(flight)}
          onClick={() => void begin().catch(() => undefined)}
        >
          {t(flight ? "instruments.flight.again" : "instruments.flight.button")}
        </Button>
      }
    >
      <Stack>
        {Boolean(error) && <ProblemPanel error={error} />}
        {flight && <Verdict flight={flight} />}
        {flight && <FlightStations flight={flight} />}
        {!flight && !isLoading && !error && (
          <Text size="sm" c="dimmed">
            {t("instruments.flight.none")}
          </Text>
        )}
      </Stack>
    </Page>
  );
}

function Verdict({ flight }: { flight: FlightRead }) {
  const { t } = useTranslation();
  const outcome = flight.state === "over" ? (flight.ok ? "arrived" : "failed") : flight.state;
  return (
    <Text size="sm" fw={600}>
      {t(`instruments.flight.outcome.${outcome as "arrived" | "failed" | "waiting"}`)}{" "}
      <Text span size="sm" fw={400} c="dimmed">
        <Time at={flight.done_at ?? flight.created_at} />
      </Text>
    </Text>
  );
}
