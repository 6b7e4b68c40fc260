import {
  IconAlertTriangle,
  IconArchiveOff,
  IconCircleCheck,
  IconHourglass,
  IconUserExclamation,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { Hint } from "@/components/Hint";
import { Pill } from "@/components/Pill";
import { healthOf } from "./health";

type Looked = Pick<StorageRead, "error_code" | "cause" | "state" | "health">;

/** Whether a storage location takes files, and is emptied; the cause of its trouble on hover. */
export function StorageHealth({ storage }: { storage: Looked }) {
  const { t } = useTranslation();
  const { state } = storage;
  if (state === "retired") {
    return (
      <Hint label={t("storage.state_hint.retired")}>
        <Pill icon={IconArchiveOff} color="gray">
          {t("storage.state.retired")}
        </Pill>
      </Hint>
    );
  }
  const { trouble, overwriting } = healthOf(storage);
  const code = storage.error_code ?? trouble;
  return (
    <span style={{ display: "inline-flex", flexWrap: "wrap", gap: 6 }}>
      {state === "draining" && (
        <Hint label={t("storage.state_hint.draining")}>
          <Pill icon={IconHourglass} color="blue">
            {t("storage.state.draining")}
          </Pill>
        </Hint>
      )}
      {code ? (
        <Hint label={storage.cause ?? code}>
          <Pill icon={IconAlertTriangle} color="orange">
            {t("storage.health.trouble")}
          </Pill>
        </Hint>
      ) : (
        <Pill icon={IconCircleCheck} color="green">
          {t("storage.health.ok")}
        </Pill>
      )}
      {overwriting === "exclusive_writer_only" && (
        <Hint label={t("storage.learnt.exclusive")} multiline w={280}>
          <Pill icon={IconUserExclamation} color="gray">
            {t("storage.health.exclusive")}
          </Pill>
        </Hint>
      )}
    </span>
  );
}
