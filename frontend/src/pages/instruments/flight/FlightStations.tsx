import { Loader, Stack, Text, Timeline } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconMinus } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { FlightRead, StationRead } from "@/api/models";
import { Bytes } from "@/components/Bytes";
import { CauseNote } from "@/components/CauseNote";
import { formatDuration } from "@/components/format";
import { Code, HashText } from "@/components/Mono";
import { isUnderWay } from "./useFlightCheck";

const FIRST = ["source", "file"] as const;
const AT_PLACE = ["ready", "received", "proven", "published", "removed"] as const;
type Name = (typeof FIRST)[number] | (typeof AT_PLACE)[number];

/** The way of one file, to each destination: stations light up one after the other. */
export function FlightStations({ flight }: { flight: FlightRead }) {
  const { t } = useTranslation();
  const places = [...new Set(flight.stations.map((one) => one.storage_location_id))].filter(
    (id) => id !== null,
  );
  const last = flight.stations.at(-1);
  const isAloft = isUnderWay(flight);
  const isHere = (place: string | null) =>
    isAloft && (last?.storage_location_id ?? null) === place && last?.station !== "removed";
  return (
    <Stack gap="lg" role="status">
      <Line
        title={t("instruments.flight.title")}
        names={FIRST}
        stations={flight.stations.filter((one) => one.storage_location_id === null)}
        isAloft={isAloft && last?.storage_location_id == null}
      />
      {places.map((place) => {
        const stations = flight.stations.filter((one) => one.storage_location_id === place);
        return (
          <Stack key={place} gap="xs">
            <Text fw={600} size="sm">
              {t("instruments.flight.to")} <span translate="no">{stations[0]?.storage_name}</span>
            </Text>
            <Line
              title={t("instruments.flight.to")}
              names={AT_PLACE}
              stations={stations}
              isAloft={isHere(place)}
            />
          </Stack>
        );
      })}
    </Stack>
  );
}

interface LineProps {
  title: string;
  names: readonly Name[];
  stations: StationRead[];
  isAloft: boolean;
}

function Line({ title, names, stations, isAloft }: LineProps) {
  const { t } = useTranslation();
  const found = (name: Name) => stations.find((one) => one.station === name);
  const next = isAloft ? names.find((name) => !found(name)) : undefined;
  return (
    <Timeline bulletSize={26} active={stations.length - 1} aria-label={title}>
      {names.map((name) => {
        const station = found(name);
        return (
          <Timeline.Item
            key={name}
            bullet={<Bullet station={station} isNext={name === next} />}
            title={t(`instruments.flight.station.${isReadLater(station) ? "asked" : name}`)}
          >
            {station && <Reached station={station} />}
          </Timeline.Item>
        );
      })}
    </Timeline>
  );
}

/** Where publishing is writing (S3), it is read back after that. */
const isReadLater = (station: StationRead | undefined): boolean =>
  station?.station === "proven" && station.ok && !(station.evidence as Found).read_back_sha256;

function Bullet({ station, isNext }: { station: StationRead | undefined; isNext: boolean }) {
  if (station?.ok) return <IconCheck size={14} aria-hidden />;
  if (station) return <IconAlertTriangle size={14} aria-hidden />;
  return isNext ? <Loader size={14} color="gray" /> : <IconMinus size={12} aria-hidden />;
}

/** What a station found, as far as people want it at a glance; the API has the rest. */
interface Found {
  mover?: string;
  protocol?: string;
  path?: string;
  size_bytes?: number;
  kind?: string;
  received_bytes?: number;
  received_sha256?: string;
  read_back_sha256?: string;
  read_back_from?: "device" | "mover_checksum" | "page_cache" | "server_cache" | "storage_checksum";
}

function Reached({ station }: { station: StationRead }) {
  const { t } = useTranslation();
  const found = station.evidence as Found;
  const bytes = found.size_bytes ?? found.received_bytes;
  const hash = found.read_back_sha256 ?? found.received_sha256;
  return (
    <Stack gap={4}>
      <Text size="xs" c="dimmed" component="div">
        {t("instruments.flight.took", { duration: formatDuration(station.seconds) })}
        {found.mover && (
          <>
            {" · "}
            <Code>{found.mover}</Code>
          </>
        )}
        {bytes !== undefined && (
          <>
            {" · "}
            <Bytes value={bytes} />
          </>
        )}
        {found.read_back_from && ` · ${t(`transfers.evidence.from.${found.read_back_from}`)}`}
      </Text>
      {found.path && <Code>{found.path}</Code>}
      {hash && <HashText hash={hash} />}
      {station.code && (
        <CauseNote
          code={station.code}
          detail={station.detail ?? null}
          remedy={station.remedy ?? null}
        />
      )}
    </Stack>
  );
}
