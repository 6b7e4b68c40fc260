import {
  Avatar,
  Menu,
  SegmentedControl,
  Text,
  UnstyledButton,
  useMantineColorScheme,
} from "@mantine/core";
import { IconLogout, IconUser, IconUserCircle } from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { useSignOut } from "@/api/session";
import { usePreferences } from "@/contexts/preferences";
import { useMe } from "@/contexts/session";

/** The person: profile, colours, sign out. */
export function PersonMenu() {
  const { t } = useTranslation();
  const me = useMe();
  const navigate = useNavigate();
  const signOut = useSignOut();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { change } = usePreferences();
  const name = me.display_name || me.email;
  const leave = () =>
    signOut.mutate(undefined, {
      onSuccess: () => navigate({ to: "/sign-in", reloadDocument: true }),
    });
  return (
    <Menu position="bottom-end" width={248} withinPortal>
      <Menu.Target>
        <UnstyledButton aria-label={t("shell.menu.person", { name })}>
          <Avatar size={32} color="weave" variant="light">
            <IconUser size={18} aria-hidden />
          </Avatar>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Text px="sm" py={6} size="sm" translate="no" style={{ overflowWrap: "anywhere" }}>
          {me.email}
        </Text>
        <Menu.Item
          component={Link}
          to="/profile"
          leftSection={<IconUserCircle size={16} aria-hidden />}
        >
          {t("shell.menu.profile")}
        </Menu.Item>
        <Menu.Label>{t("shell.theme.label")}</Menu.Label>
        <SegmentedControl
          fullWidth
          size="xs"
          aria-label={t("shell.theme.label")}
          value={colorScheme}
          onChange={(value) => {
            setColorScheme(value as typeof colorScheme);
            change({ theme: value === "auto" ? "system" : (value as "light" | "dark") });
          }}
          data={(["auto", "light", "dark"] as const).map((value) => ({
            value,
            label: t(`shell.theme.${value}`),
          }))}
        />
        <Menu.Divider />
        <Menu.Item onClick={leave} leftSection={<IconLogout size={16} aria-hidden />}>
          {t("shell.menu.sign_out")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
