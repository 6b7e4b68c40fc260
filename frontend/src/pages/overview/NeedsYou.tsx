import { Button, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconAlertTriangle,
  IconCircleX,
  IconInfoCircle,
  IconShieldCheck,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { NeedRead, NeedSeverity } from "@/api/models";
import { ButtonLink } from "@/components/links";
import { Pill } from "@/components/Pill";
import rows from "@/components/Rows.module.css";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useMe } from "@/contexts/session";
import classes from "./NeedsYou.module.css";
import { needTarget } from "./needTarget";

const LOOKS = {
  critical: { icon: IconCircleX, color: "red" },
  warning: { icon: IconAlertTriangle, color: "orange" },
  notice: { icon: IconInfoCircle, color: "blue" },
} as const;
const SHOWN = 5;

/** What needs a person, the most urgent first; when nothing does, one calm line. */
export function NeedsYou({ needs }: { needs: NeedRead[] }) {
  const { t } = useTranslation();
  const [open, { toggle }] = useDisclosure(false);
  if (needs.length === 0) {
    return (
      <div className={classes.calm} role="status">
        <IconShieldCheck size={24} className={classes.calmIcon} aria-hidden />
        <div>
          <Text fw={600}>{t("overview.all_well")}</Text>
          <Text size="sm" c="dimmed">
            {t("overview.all_well_hint")}
          </Text>
        </div>
      </div>
    );
  }
  const shown = open ? needs : needs.slice(0, SHOWN);
  return (
    <Section title={t("overview.needs.title", { count: needs.length })}>
      <ul className={rows.list}>
        {shown.map((need) => (
          <Need
            key={`${need.kind} ${need.code} ${need.name} ${need.instrument_id} ${need.storage_id}`}
            need={need}
          />
        ))}
      </ul>
      {needs.length > SHOWN && !open && (
        <Button variant="subtle" size="xs" onClick={toggle}>
          {t("overview.needs.more", { count: needs.length - SHOWN })}
        </Button>
      )}
    </Section>
  );
}

function Need({ need }: { need: NeedRead }) {
  const { t } = useTranslation();
  const target = needTarget(need, useMe().is_superuser);
  return (
    <li className={rows.row}>
      <Pill {...LOOKS[need.severity as NeedSeverity]}>
        {t(`overview.severity.${need.severity}`)}
      </Pill>
      <div className={rows.words}>
        <Text size="sm" fw={600} translate="no">
          {need.sentence}
        </Text>
        {need.remedy && (
          <Text size="sm" c="dimmed" translate="no">
            {need.remedy}
          </Text>
        )}
        {need.since && (
          <Text size="xs" c="dimmed" component="div">
            {t("overview.needs.since")} <Time at={need.since} />
          </Text>
        )}
      </div>
      {target && (
        <ButtonLink {...target} variant="default" size="xs">
          {t("overview.needs.open")}
        </ButtonLink>
      )}
    </li>
  );
}
