import { List, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { peopleQuery } from "@/api/instruments";
import { metadataQuery } from "@/api/metadata";
import type { FileRead } from "@/api/models";
import { Section } from "@/components/Section";

/** Who may see a file, and by what right. */
export function SeenBy({ file }: { file: FileRead }) {
  const { t } = useTranslation();
  const { data } = useQuery(peopleQuery(file.instrument_id));
  const { data: said } = useQuery(metadataQuery(file.id));
  const single = (said?.answers ?? []).flatMap(({ access, hook_id, hook_name }) =>
    access
      .filter(({ granted }) => granted)
      .map(({ email }) => ({ key: `${hook_id} ${email}`, name: email, hook: hook_name })),
  );
  return (
    <Section title={t("files.file.seen_by.title")}>
      <Text size="sm">{t("files.file.seen_by.admins")}</Text>
      <List size="sm" listStyleType="none">
        {data?.items.map((person) => (
          <List.Item key={person.user_id}>
            {t("files.file.seen_by.grant", {
              name: person.display_name || person.email,
              instrument: file.instrument_name,
            })}
          </List.Item>
        ))}
        {single.map(({ key, name, hook }) => (
          <List.Item key={key}>{t("files.file.seen_by.hook", { name, hook })}</List.Item>
        ))}
      </List>
    </Section>
  );
}
