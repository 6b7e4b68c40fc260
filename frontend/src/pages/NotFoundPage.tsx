import { Anchor, Center, Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

/** What does not exist, or may not be seen: the two look the same. */
export function NotFoundPage() {
  const { t } = useTranslation();
  return (
    <Center mih="50vh" p="md">
      <Stack align="center" ta="center" gap="xs">
        <Title order={1}>{t("shell.not_found.title")}</Title>
        <Text c="dimmed" maw={420}>
          {t("shell.not_found.text")}
        </Text>
        <Anchor component={Link} to="/">
          {t("shell.pages.overview")}
        </Anchor>
      </Stack>
    </Center>
  );
}
