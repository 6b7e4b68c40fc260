import { ActionIcon, Menu, Text } from "@mantine/core";
import { type Icon, IconDots } from "@tabler/icons-react";
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
