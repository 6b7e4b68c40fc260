import { useTranslation } from "react-i18next";
import { useNow } from "@/contexts/clock";
import { formatExact, formatRelative, formatShort } from "./format";
import { Hint } from "./Hint";

interface TimeProps {
  /** ISO 8601; null is shown as "never". */
  at: string | null | undefined;
  /** Show the date itself instead of the distance. */
  exact?: boolean;
}

/** A moment: its distance from now; the exact time and zone on hover and focus. */
export function Time({ at, exact = false }: TimeProps) {
  const { t } = useTranslation();
  const now = useNow();
  if (!at) return <>{t("common.ago.never")}</>;
  const moment = new Date(at);
  // A server's clock may be a little ahead: what just happened is never "in 1 second".
  const seconds = (moment.getTime() - Math.max(now, Date.now())) / 1000;
  const justNow = Math.abs(seconds) < 3;
  const relative = justNow ? t("common.ago.now") : formatRelative(seconds);
  return (
    <Hint label={exact ? relative : formatExact(moment)}>
      <time dateTime={at}>{exact ? formatShort(moment) : relative}</time>
    </Hint>
  );
}
