import { ActionIcon, CopyButton as Copier, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

/** Copies a value; says so by icon and word. */
export function CopyButton({ value, label }: { value: string; label?: string }) {
  const { t } = useTranslation();
  return (
    <Copier value={value} timeout={1500}>
      {({ copied, copy }) => {
        const text = copied ? t("common.actions.copied") : (label ?? t("common.actions.copy"));
        return (
          <Tooltip label={text}>
            <ActionIcon
              onClick={copy}
              aria-label={text}
              size="sm"
              color={copied ? "green" : "gray"}
            >
              {copied ? <IconCheck size={15} /> : <IconCopy size={15} />}
            </ActionIcon>
          </Tooltip>
        );
      }}
    </Copier>
  );
}
