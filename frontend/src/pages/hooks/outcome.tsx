import {
  IconArrowRight,
  IconArrowsSplit2,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClock,
  IconFilterOff,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Pill } from "@/components/Pill";

const LOOKS = {
  continue: { icon: IconArrowRight, color: "green" },
  skip: { icon: IconFilterOff, color: "gray" },
  redirect: { icon: IconArrowsSplit2, color: "blue" },
  answered: { icon: IconCircleCheck, color: "green" },
  later: { icon: IconClock, color: "yellow" },
  failed: { icon: IconCircleX, color: "red" },
  not_asked: { icon: IconCircleDashed, color: "gray" },
} as const;

function isKnown(outcome: string): outcome is keyof typeof LOOKS {
  return outcome in LOOKS;
}

/** What a hook said of a file. */
export function OutcomePill({ outcome }: { outcome: string }) {
  const { t } = useTranslation();
  if (!isKnown(outcome)) return <span translate="no">{outcome}</span>;
  return <Pill {...LOOKS[outcome]}>{t(`hooks.outcome.${outcome}`)}</Pill>;
}
