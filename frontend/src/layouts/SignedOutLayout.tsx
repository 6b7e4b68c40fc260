import { Center, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { type ReactNode, useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Brand } from "./Brand";

interface SignedOutLayoutProps {
  title: string;
  lead: string;
  children: ReactNode;
}

/** One form on a quiet page: sign-in and first start. */
export function SignedOutLayout({ title, lead, children }: SignedOutLayoutProps) {
  const { t } = useTranslation();
  useEffect(() => {
    document.title = `${title} · ${t("shell.app_name")}`;
  }, [title, t]);
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack w="min(420px, 100%)" gap="lg">
        <Group gap={10} justify="center" fz="xl" fw={650}>
          <Brand size={34} />
        </Group>
        <Paper p={{ base: "lg", sm: "xl" }}>
          <Stack gap="lg">
            <div>
              <Title order={1}>{title}</Title>
              <Text size="sm" c="dimmed" mt={4}>
                {lead}
              </Text>
            </div>
            {children}
          </Stack>
        </Paper>
      </Stack>
    </Center>
  );
}
