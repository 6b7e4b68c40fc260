import { Loader, Stack, Text, Timeline } from "@mantine/core";
import { IconCheck, IconMinus } from "@tabler/icons-react";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { CauseNote } from "@/components/CauseNote";
import { CheckResult } from "@/components/CheckResult";
import { formatDuration, formatNumber } from "@/components/format";
import { ButtonLink, TextLink } from "@/components/links";
import { ProblemPanel } from "@/components/ProblemPanel";
import { FlightStations } from "@/pages/instruments/flight/FlightStations";
import { isUnderWay } from "@/pages/instruments/flight/useFlightCheck";
import { mayGoLive, STATIONS, type Station, useFlight } from "./useFlight";
import { useWizard } from "./wizard";

/** Stations light up one after the other, each with its time and evidence. */
export function FlightCheck() {
  const { t } = useTranslation();
  const { discard } = useWizard();
  const flight = useFlight();
  const { reached, instrumentId, error, check, trial } = flight;
  const isOver = trial !== null && !isUnderWay(trial);
  const hasFallen = isOver && (trial.state === "lost" || !mayGoLive(trial));
  const hasStopped = Boolean(error) || check?.ok === false || hasFallen || flight.trouble !== null;
  const next = STATIONS.find((station) => reached[station] === undefined);
  const isSaved = reached.schedule !== undefined;
  useEffect(() => {
    // From here on the instrument holds what the draft held.
    if (isSaved) discard();
  }, [isSaved, discard]);
  const detail = (station: Station) => {
    if (station === "scan" && reached.scan !== undefined) {
      const found = t("wizard.flight.scan_found", { number: formatNumber(flight.filesFound) });
      if (!instrumentId) return found;
      return (
        <TextLink to="/files" search={{ instrument: [instrumentId] }}>
          {found}
        </TextLink>
      );
    }
    if (station === "flight" && isOver && !trial.ok && !hasFallen) {
      return t("wizard.flight.flight_none");
    }
    return station === "file" && next === "file" ? t("wizard.flight.file_waiting") : null;
  };
  return (
    <Stack>
      <Timeline
        bulletSize={26}
        active={next ? STATIONS.indexOf(next) - 1 : STATIONS.length}
        aria-label={t("wizard.flight.title")}
      >
        {STATIONS.map((station) => (
          <Timeline.Item
            key={station}
            bullet={
              <Bullet
                isReached={reached[station] !== undefined}
                isNext={station === next && !hasStopped}
              />
            }
            title={t(`wizard.flight.${station}`)}
          >
            <Text size="xs" c="dimmed" role="status">
              {reached[station] !== undefined &&
                t("wizard.flight.took", { duration: formatDuration(reached[station]) })}
              {reached[station] !== undefined && detail(station) && " · "}
              {detail(station)}
            </Text>
            {station === "flight" && trial && (!isOver || hasFallen) && (
              <FlightStations flight={trial} />
            )}
          </Timeline.Item>
        ))}
      </Timeline>
      {hasStopped && <Text size="sm">{t("wizard.flight.failed")}</Text>}
      {Boolean(error) && <ProblemPanel error={error} />}
      {check?.ok === false && <CheckResult result={check} />}
      {flight.trouble && (
        <CauseNote code={flight.trouble} detail={flight.troubleDetail} remedy={null} />
      )}
      {instrumentId && (
        <ButtonLink to="/instruments/$instrumentId" params={{ instrumentId }}>
          {t("wizard.flight.go_on")}
        </ButtonLink>
      )}
    </Stack>
  );
}

function Bullet({ isReached, isNext }: { isReached: boolean; isNext: boolean }) {
  if (isReached) return <IconCheck size={14} aria-hidden />;
  return isNext ? <Loader size={14} color="gray" /> : <IconMinus size={12} aria-hidden />;
}
