import { ActionIcon, Menu, Text } from "@mantine/core";
import { type Icon, IconDots, IconEdit, IconTrash } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

export interface RowAction {
  label: string;
  icon: Icon;
  onClick: () => void;
  danger?: boolean;
}

/** What can be done with one row. */
export function RowMenu({ name, actions }: { name: string; actions: RowAction[] }) {
  const { t } = useTranslation();
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon aria-label={`${t("common.actions.more")}: ${name}`}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {actions.map(({ label, icon: Sign, onClick, danger }) => (
          <Menu.Item key={label} leftSection={<Sign size={16} aria-hidden />} onClick={onClick}>
            <Text size="sm" c={danger ? "var(--mantine-color-error)" : undefined}>
              {label}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

interface EditMenuProps {
  name: string;
  onEdit: () => void;
  onDelete: () => void;
  /** What else can be done, first. */
  more?: RowAction[];
}

/** Edit and delete, as rows of settings have them. */
export function EditMenu({ name, onEdit, onDelete, more = [] }: EditMenuProps) {
  const { t } = useTranslation();
  const actions: RowAction[] = [
    ...more,
    { label: t("common.actions.edit"), icon: IconEdit, onClick: onEdit },
    { label: t("common.actions.delete"), icon: IconTrash, danger: true, onClick: onDelete },
  ];
  return <RowMenu name={name} actions={actions} />;
}
