import { Button } from "@mantine/core";
import { IconPlayerStop } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { RunRead } from "@/api/models";
import { useCancelRun } from "@/api/runs";
import { Confirm } from "@/components/Confirm";
import { useMe } from "@/contexts/session";

interface CancelRunProps {
  run: RunRead;
  /** Of its instrument, or of its zone. */
  name: string;
  size?: "xs" | "sm";
}

/** Stops a run that lives, after asking. */
export function CancelRun({ run, name, size = "sm" }: CancelRunProps) {
  const { t } = useTranslation();
  const me = useMe();
  const cancel = useCancelRun();
  if (!me.is_superuser || run.state !== "live" || run.cancel_requested) return null;
  return (
    <Confirm
      title={t("runs.cancel.title", { name })}
      consequences={t("runs.cancel.consequences")}
      confirmLabel={t("runs.cancel.confirm")}
      isPending={cancel.isPending}
      error={cancel.error}
      onConfirm={() => cancel.mutateAsync(run.id)}
    >
      {(ask) => (
        <Button
          variant="default"
          size={size}
          leftSection={<IconPlayerStop size={size === "xs" ? 14 : 16} />}
          onClick={ask}
        >
          {t("runs.cancel.button")}
        </Button>
      )}
    </Confirm>
  );
}
