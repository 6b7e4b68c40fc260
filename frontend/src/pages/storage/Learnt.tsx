import { List } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { formatBytes } from "@/components/format";
import type { Health } from "./health";

/** What a look at a location found out about it: only what is known is said. */
export function Learnt({ health }: { health: Health }) {
  const { t } = useTranslation();
  const { overwriting, durable, free_bytes: free, total_bytes: total } = health;
  if (overwriting === undefined && durable === undefined && free === undefined) return null;
  const isAlone = overwriting === "exclusive_writer_only";
  return (
    <List size="sm" spacing={4}>
      {overwriting === "refused" && <List.Item>{t("storage.learnt.refused")}</List.Item>}
      {isAlone && <List.Item>{t("storage.learnt.exclusive")}</List.Item>}
      {durable !== undefined && (
        <List.Item>
          {t(durable ? "storage.learnt.durable" : "storage.learnt.not_durable")}
        </List.Item>
      )}
      {free !== undefined && (
        <List.Item>
          {total === undefined
            ? t("storage.check.free", { size: formatBytes(free) })
            : t("storage.learnt.free", { free: formatBytes(free), total: formatBytes(total) })}
        </List.Item>
      )}
    </List>
  );
}
