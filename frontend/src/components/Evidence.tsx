import { Group, Text } from "@mantine/core";
import { IconShieldCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Bytes } from "./Bytes";
import { CopyButton } from "./CopyButton";
import { type Fact, Facts } from "./Facts";
import { Code, HashText } from "./Mono";
import { Time } from "./Time";

interface SourceFacts {
  size_bytes?: number;
  mtime_ns?: number;
}

/** What proves a copy, as the engine writes it; fields come with the steps that made them. */
interface EvidenceFacts {
  adapter?: string;
  protocol?: string;
  received_at?: string;
  received_bytes?: number;
  received_sha256?: string;
  durable_at?: string;
  read_back_at?: string;
  read_back_from?: ReadBackFrom;
  read_back_sha256?: string;
  double_read?: string;
  source_before?: SourceFacts;
  source_after?: SourceFacts;
  published_at?: string;
  object_id?: string;
  mover_notes?: { mover_checksum?: string };
}
type ReadBackFrom =
  | "device"
  | "mover_checksum"
  | "page_cache"
  | "server_cache"
  | "storage_checksum";

const NANOSECONDS_A_MILLISECOND = 1e6;

/** The proof of one copy: both hashes, when, by what, and how it was read back. */
export function Evidence({ evidence }: { evidence: object | null }) {
  const { t } = useTranslation();
  if (!evidence) {
    return (
      <Text size="sm" c="dimmed">
        {t("transfers.evidence.none")}
      </Text>
    );
  }
  const facts = evidence as EvidenceFacts;
  const isEqual =
    facts.received_sha256 !== undefined && facts.received_sha256 === facts.read_back_sha256;
  return (
    <>
      {isEqual && (
        <Group gap={8} c="var(--sw-good)">
          <IconShieldCheck size={18} aria-hidden />
          <Text size="sm" fw={600}>
            {t("transfers.evidence.equal")}
          </Text>
        </Group>
      )}
      <EvidenceFactsList facts={facts} />
    </>
  );
}

function EvidenceFactsList({ facts }: { facts: EvidenceFacts }) {
  const { t } = useTranslation();
  const hash = (value: string | undefined) =>
    value && (
      <Group gap={4}>
        <HashText hash={value} />
        <CopyButton value={value} />
      </Group>
    );
  const time = (at: string | undefined) => at && <Time at={at} exact />;
  const items: Fact[] = [
    [t("transfers.evidence.sha256_received"), hash(facts.received_sha256)],
    [t("transfers.evidence.sha256_read_back"), hash(facts.read_back_sha256)],
    [
      t("transfers.evidence.read_back_from"),
      facts.read_back_from && t(`transfers.evidence.from.${facts.read_back_from}`),
    ],
    [t("transfers.evidence.received"), time(facts.received_at)],
    [t("transfers.evidence.durable"), time(facts.durable_at)],
    [t("transfers.evidence.read_back"), time(facts.read_back_at)],
    [t("transfers.evidence.published"), time(facts.published_at)],
    [t("transfers.evidence.source_before"), <Source key="before" facts={facts.source_before} />],
    [t("transfers.evidence.source_after"), <Source key="after" facts={facts.source_after} />],
    [
      t("transfers.evidence.adapter"),
      facts.adapter && <Code>{[facts.adapter, facts.protocol].filter(Boolean).join(", ")}</Code>,
    ],
    [
      t("transfers.evidence.mover_checksum"),
      facts.mover_notes?.mover_checksum && (
        <span translate="no">{facts.mover_notes.mover_checksum}</span>
      ),
    ],
    [
      t("transfers.evidence.double_read"),
      facts.double_read && t(facts.double_read === "yes" ? "common.yes" : "common.no"),
    ],
    [t("transfers.evidence.object"), facts.object_id && <Code>{facts.object_id}</Code>],
  ];
  return <Facts items={items} />;
}

function Source({ facts }: { facts: SourceFacts | undefined }) {
  if (facts?.size_bytes === undefined || facts.mtime_ns === undefined) return null;
  const at = new Date(facts.mtime_ns / NANOSECONDS_A_MILLISECOND);
  return (
    <>
      <Bytes value={facts.size_bytes} />
      {", "}
      {Number.isNaN(at.getTime()) ? null : <Time at={at.toISOString()} exact />}
    </>
  );
}
