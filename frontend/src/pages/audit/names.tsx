import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { userQuery, usersQuery } from "@/api/users";
import { TextLink } from "@/components/links";
import { Code } from "@/components/Mono";
import { useFound } from "@/components/useFound";
import { useInstrumentName } from "@/components/useInstruments";
import { useMe } from "@/contexts/session";

/** Who: the trail holds ids only; names are looked up for those who may know them. */
export function ActorName({ actor }: { actor: string }) {
  const me = useMe();
  const [kind, id] = split(actor);
  const isPerson = kind === "user";
  const { items, isPart } = useFound(usersQuery, "", me.is_superuser && isPerson);
  const known = [me, ...items].find((one) => one.id === id);
  // Of more people than a page holds, the others are asked for one by one.
  const isBeyond = isPerson && isPart && known === undefined;
  const { data: other } = useQuery({ ...userQuery(id), enabled: isBeyond });
  const person = known ?? other;
  if (!isPerson) return <Code>{actor}</Code>;
  return person ? (
    <span translate="no">{person.display_name || person.email}</span>
  ) : (
    <Code>{actor}</Code>
  );
}

/** What happened, in words where the page has them. */
export function ActionName({ action }: { action: string }) {
  const { t, i18n } = useTranslation();
  const key = `audit.did.${action.replaceAll(".", "_")}`;
  return i18n.exists(key) ? (
    <Text size="sm" fw={600} component="span">
      {t(key as never)}
    </Text>
  ) : (
    <Code>{action}</Code>
  );
}

/** On what: instruments and people by name, everything else by its id. */
export function SubjectName({ subject }: { subject: string }) {
  const [kind, id] = split(subject);
  const name = useInstrumentName(kind === "instrument" ? id : null);
  if (kind === "user") return <ActorName actor={subject} />;
  if (name === undefined) return <Code>{subject}</Code>;
  return (
    <TextLink to="/instruments/$instrumentId" params={{ instrumentId: id }} translate="no">
      {name}
    </TextLink>
  );
}

function split(text: string): [kind: string, id: string] {
  const at = text.indexOf(":");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
