import { useInfiniteQuery } from "@tanstack/react-query";
import { usersQuery } from "@/api/users";
import { TextLink } from "@/components/links";
import { Code } from "@/components/Mono";
import { useInstruments } from "@/components/useInstruments";
import { useMe } from "@/contexts/session";

/** Who: the trail holds ids only; names are looked up for those who may know them. */
export function ActorName({ actor }: { actor: string }) {
  const me = useMe();
  const { data } = useInfiniteQuery({ ...usersQuery(), enabled: me.is_superuser });
  const [kind, id] = split(actor);
  if (kind !== "user") return <Code>{actor}</Code>;
  const people = data?.pages.flatMap((page) => page.items) ?? [me];
  const person = people.find((one) => one.id === id);
  return person ? (
    <span translate="no">{person.display_name || person.email}</span>
  ) : (
    <Code>{actor}</Code>
  );
}

/** On what: instruments and people by name, everything else by its id. */
export function SubjectName({ subject }: { subject: string }) {
  const { nameOf } = useInstruments();
  const [kind, id] = split(subject);
  const name = kind === "instrument" ? nameOf(id) : undefined;
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
