import { useTranslation } from "react-i18next";
import type { StorageRead } from "@/api/models";
import { useDeleteStorage } from "@/api/storage";
import { ConfirmDialog } from "@/components/ConfirmDialog";

export function DeleteStorage({ storage, onClose }: { storage: StorageRead; onClose: () => void }) {
  const { t } = useTranslation();
  const remove = useDeleteStorage(storage);
  return (
    <ConfirmDialog
      danger
      title={t("storage.delete.title", { name: storage.name })}
      consequences={t("storage.delete.consequences")}
      confirmLabel={t("storage.delete.confirm")}
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}
