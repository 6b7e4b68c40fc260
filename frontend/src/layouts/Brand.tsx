import { useTranslation } from "react-i18next";

/** Mark and name. */
export function Brand({ size = 26 }: { size?: number }) {
  const { t } = useTranslation();
  return (
    <>
      <img src="/icon.svg" width={size} height={size} alt="" />
      <span translate="no">{t("shell.app_name")}</span>
    </>
  );
}
