import { Group, Text } from "@mantine/core";
import { IconAlertTriangle, IconShieldCheck } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { VerificationRead } from "@/api/models";
import { CopyButton } from "@/components/CopyButton";
import { Facts } from "@/components/Facts";
import { formatNumber } from "@/components/format";
import { TextLink } from "@/components/links";
import { HashText } from "@/components/Mono";
import { ProblemPanel } from "@/components/ProblemPanel";
import { Section } from "@/components/Section";

/** What computing the chain anew found. */
export function Verification({ query }: { query: UseQueryResult<VerificationRead, Error> }) {
  const { t } = useTranslation();
  if (query.error) return <ProblemPanel error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return null;
  const found = query.data;
  const Icon = found.intact ? IconShieldCheck : IconAlertTriangle;
  return (
    <Section title={t("audit.verify.title")}>
      <Group gap={8} c={found.intact ? "var(--sw-good)" : "var(--sw-bad)"}>
        <Icon size={20} aria-hidden />
        <Text fw={600} role="status">
          {found.intact
            ? t("audit.verify.intact")
            : t("audit.verify.broken", { number: found.broken_at ?? "?" })}
        </Text>
      </Group>
      {!found.intact && <Text size="sm">{t("audit.verify.broken_hint")}</Text>}
      <Facts
        items={[
          [
            t("audit.verify.sealed"),
            <TextLink key="sealed" to="/audit" search={{ sealed: true }}>
              {formatNumber(found.sealed)}
            </TextLink>,
          ],
          [
            t("audit.verify.unsealed"),
            <span key="unsealed">
              <TextLink to="/audit" search={{ sealed: false }}>
                {formatNumber(found.unsealed)}
              </TextLink>{" "}
              ({t("audit.verify.unsealed_hint")})
            </span>,
          ],
          [
            t("audit.verify.head"),
            <Group key="head" gap={4}>
              <HashText hash={found.head} />
              <CopyButton value={found.head} />
            </Group>,
          ],
        ]}
      />
    </Section>
  );
}
