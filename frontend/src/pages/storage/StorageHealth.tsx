import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { Hint } from "@/components/Hint";
import { Pill } from "@/components/Pill";

/** Whether a storage location takes files; the code of its trouble on hover. */
export function StorageHealth({ storage }: { storage: Pick<StorageRead, "error_code"> }) {
  const { t } = useTranslation();
  if (storage.error_code === null) {
    return (
      <Pill icon={IconCircleCheck} color="green">
        {t("storage.health.ok")}
      </Pill>
    );
  }
  return (
    <Hint label={storage.error_code}>
      <Pill icon={IconAlertTriangle} color="orange">
        {t("storage.health.trouble")}
      </Pill>
    </Hint>
  );
}
