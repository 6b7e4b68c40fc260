import { Loader, Modal } from "@mantine/core";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useCheckInstrument } from "@/api/instruments";
import type { InstrumentRead } from "@/api/models";
import { CheckResult } from "@/components/CheckResult";
import { ProblemPanel } from "@/components/ProblemPanel";

interface ConnectionCheckProps {
  instrument: InstrumentRead;
  opened: boolean;
  onClose: () => void;
}

/** Lets a worker test the source, and shows what it found. */
export function ConnectionCheck({ instrument, opened, onClose }: ConnectionCheckProps) {
  const { t } = useTranslation();
  const check = useCheckInstrument();
  const { mutate } = check;
  useEffect(() => {
    if (opened) mutate(instrument.id);
  }, [opened, instrument.id, mutate]);
  return (
    <Modal opened={opened} onClose={onClose} title={t("instruments.check.button")}>
      {check.isPending && <Loader type="dots" aria-label={t("common.loading")} />}
      {check.error && <ProblemPanel error={check.error} onRetry={() => mutate(instrument.id)} />}
      {check.data && <CheckResult result={check.data} />}
    </Modal>
  );
}
