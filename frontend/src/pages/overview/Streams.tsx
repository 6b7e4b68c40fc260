import { Group } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { CopyState, StreamRead } from "@/api/models";
import { CountLink } from "@/components/CountLink";
import { DataTable } from "@/components/DataTable";
import { formatBytes } from "@/components/format";
import { Hint } from "@/components/Hint";
import { NameLink, TextLink } from "@/components/links";
import { Rhythm } from "@/components/Rhythm";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import type { Column } from "@/components/table";
import { useMe } from "@/contexts/session";
import { StreamDot } from "./StreamDot";

const DATE_LENGTH = "2026-05-20".length;
const DAY_MILLISECONDS = 86_400_000;

/** The live picture: one line an instrument; each number leads to the list that it counts. */
export function Streams({ streams, at }: { streams: StreamRead[]; at: string }) {
  const { t } = useTranslation();
  return (
    <Section title={t("overview.streams.title")} hint={t("overview.streams.hint")}>
      <DataTable
        name="streams"
        label={t("overview.streams.title")}
        columns={useColumns(at.slice(0, DATE_LENGTH))}
        source={{ rows: streams, isPending: false, error: null, refetch: () => undefined }}
        rowKey={(stream) => stream.id}
        rowHref={(stream) => `/instruments/${stream.id}`}
        empty={{ title: t("instruments.empty"), hint: t("instruments.empty_hint_user") }}
      />
    </Section>
  );
}

type CountName = keyof StreamRead["counts"];

/** Several counts as one, with the statuses that they count. */
function together(stream: StreamRead, names: CountName[]) {
  const counts = names.map((name) => stream.counts[name]);
  return {
    count: counts.reduce((sum, one) => sum + one.count, 0),
    more: counts.some((one) => one.more),
  };
}

/** The beginning of a UTC day, or of one some days before it. */
function midnight(day: string, daysBefore = 0): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) - daysBefore * DAY_MILLISECONDS).toISOString();
}

function useColumns(today: string): Column<StreamRead>[] {
  const { t } = useTranslation();
  return useMemo(() => {
    const counted = (
      id: "waiting" | "moving",
      names: CountName[],
      state: CopyState[],
    ): Column<StreamRead> => ({
      id,
      header: t(`overview.columns.${id}`),
      width: "71px",
      align: "end",
      isQuiet: (stream) => together(stream, names).count === 0,
      cell: (stream) => (
        <CountLink
          label={t(`overview.columns.${id}`)}
          count={together(stream, names)}
          to="/transfers"
          search={{ instrument: [stream.id], state }}
        />
      ),
    });
    return [
      {
        id: "stream",
        header: t("overview.columns.stream"),
        width: "200px",
        cell: (stream) => (
          <Group gap={8} wrap="nowrap">
            <StreamDot stream={stream} />
            <NameLink
              to="/instruments/$instrumentId"
              params={{ instrumentId: stream.id }}
              translate="no"
              style={{ whiteSpace: "normal", overflowWrap: "anywhere" }}
            >
              {stream.name}
            </NameLink>
          </Group>
        ),
      },
      {
        id: "last",
        header: t("overview.columns.last"),
        width: "136px",
        cell: (stream) => <Time at={stream.last_file_at} />,
      },
      {
        id: "settling",
        header: t("overview.columns.settling"),
        width: "71px",
        align: "end",
        isQuiet: (stream) => stream.counts.settling.count === 0,
        cell: (stream) => (
          <CountLink
            label={t("overview.columns.settling")}
            count={stream.counts.settling}
            to="/files"
            search={{ instrument: [stream.id], state: ["settling"] }}
          />
        ),
      },
      counted("waiting", ["queued", "retry_wait"], ["queued", "retry_wait"]),
      counted("moving", ["moving"], ["transferring", "proving", "publishing"]),
      {
        id: "trouble",
        header: t("overview.columns.trouble"),
        width: "71px",
        align: "end",
        isQuiet: (stream) => together(stream, ["failed", "conflict", "held"]).count === 0,
        cell: (stream) => <Stuck stream={stream} />,
      },
      {
        id: "today",
        header: t("overview.columns.today"),
        width: "124px",
        align: "end",
        isQuiet: (stream) => stream.today_files === 0,
        cell: (stream) => (
          <Group gap={4} wrap="nowrap" justify="flex-end">
            <CountLink
              label={t("overview.columns.today")}
              count={{ count: stream.today_files, more: false }}
              to="/files"
              search={{ instrument: [stream.id], complete_after: midnight(today) }}
            />
            <span translate="no">· {formatBytes(stream.today_bytes)}</span>
          </Group>
        ),
      },
      {
        id: "rhythm",
        header: t("overview.columns.rhythm"),
        width: "122px",
        cell: (stream) => (
          <TextLink
            to="/files"
            search={{
              instrument: [stream.id],
              complete_after: midnight(today, stream.rhythm.length - 1),
            }}
            display="inline-block"
          >
            <Rhythm days={stream.rhythm} />
          </TextLink>
        ),
      },
      {
        id: "to",
        header: t("overview.columns.to"),
        cell: (stream) => <Places stream={stream} />,
      },
    ];
  }, [t, today]);
}

/** Copies that failed or conflict, and files that are held: two lists, so two numbers. */
function Stuck({ stream }: { stream: StreamRead }) {
  const { t } = useTranslation();
  const { held } = stream.counts;
  const copies = together(stream, ["failed", "conflict"]);
  return (
    <>
      {(copies.count > 0 || held.count === 0) && (
        <CountLink
          label={t("overview.columns.trouble")}
          count={copies}
          to="/transfers"
          search={{ instrument: [stream.id], state: ["failed", "conflict"] }}
        />
      )}
      {held.count > 0 && (
        <>
          {copies.count > 0 && " + "}
          <CountLink
            label={t("status.held.name")}
            count={held}
            to="/files"
            search={{ instrument: [stream.id], state: ["held"] }}
          />
        </>
      )}
    </>
  );
}

function Places({ stream }: { stream: StreamRead }) {
  const { t } = useTranslation();
  const { is_superuser: isAdmin } = useMe();
  return (
    <Group gap={8}>
      {stream.storage.map((place) => {
        const isWell = place.error_code === null;
        const Icon = isWell ? IconCircleCheck : IconAlertTriangle;
        const color = isWell ? "green" : "orange";
        return (
          <Hint key={place.id} label={place.error_code ?? t("storage.health.ok")}>
            <span style={{ display: "inline-flex", alignItems: "center", gap: 4 }}>
              {isAdmin ? (
                <TextLink to="/storage" c="inherit" translate="no">
                  {place.name}
                </TextLink>
              ) : (
                <span translate="no">{place.name}</span>
              )}
              <Icon
                size={15}
                color={`light-dark(var(--mantine-color-${color}-8), var(--mantine-color-${color}-5))`}
                aria-label={place.error_code ?? t("storage.health.ok")}
              />
            </span>
          </Hint>
        );
      })}
    </Group>
  );
}
