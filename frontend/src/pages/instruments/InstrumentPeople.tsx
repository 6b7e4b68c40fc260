import { ActionIcon, Button, Group, List, Select, Text } from "@mantine/core";
import { IconUserMinus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { peopleQuery, useGrant, useRevoke } from "@/api/instruments";
import type { InstrumentRead } from "@/api/models";
import { usersQuery } from "@/api/users";
import { Pending } from "@/components/Pending";
import { ProblemPanel } from "@/components/ProblemPanel";
import { Section } from "@/components/Section";
import { useFound } from "@/components/useFound";

/** Who may see an instrument and its files. */
export function InstrumentPeople({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const query = useQuery(peopleQuery(instrument.id));
  const revoke = useRevoke(instrument.id);
  return (
    <Section title={t("instruments.people.title")} hint={t("instruments.people.hint")}>
      {revoke.error && <ProblemPanel error={revoke.error} />}
      <Pending query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Text size="sm" c="dimmed">
              {t("instruments.people.empty")}
            </Text>
          ) : (
            <List size="sm" listStyleType="none" spacing={4}>
              {items.map((person) => {
                const name = person.display_name || person.email;
                const label = t("instruments.people.remove", { name });
                return (
                  <List.Item key={person.user_id}>
                    <Group gap="xs">
                      <span translate="no">{name}</span>
                      <ActionIcon
                        aria-label={label}
                        title={label}
                        onClick={() => revoke.mutate(person.user_id)}
                      >
                        <IconUserMinus size={16} />
                      </ActionIcon>
                    </Group>
                  </List.Item>
                );
              })}
            </List>
          )
        }
      </Pending>
      <AddPerson instrument={instrument} />
    </Section>
  );
}

function AddPerson({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const { items: people, isPart } = useFound(usersQuery, typed);
  const { data: granted } = useQuery(peopleQuery(instrument.id));
  const grant = useGrant(instrument.id);
  const [chosen, setChosen] = useState<string | null>(null);
  const has = new Set(granted?.items.map((person) => person.user_id));
  return (
    <Group align="flex-end" gap="xs">
      {grant.error && <ProblemPanel error={grant.error} />}
      <Select
        aria-label={t("instruments.people.choose")}
        placeholder={t("instruments.people.choose")}
        searchable
        onSearchChange={setTyped}
        {...(isPart && { filter: ({ options }) => options })}
        data={people
          .filter((person) => person.is_active && !person.is_superuser && !has.has(person.id))
          .map((person) => ({ value: person.id, label: person.display_name || person.email }))}
        value={chosen}
        onChange={setChosen}
        flex={1}
      />
      <Button
        variant="default"
        disabled={chosen === null}
        loading={grant.isPending}
        onClick={() => {
          if (chosen !== null) grant.mutate(chosen, { onSuccess: () => setChosen(null) });
        }}
      >
        {t("instruments.people.add")}
      </Button>
    </Group>
  );
}
