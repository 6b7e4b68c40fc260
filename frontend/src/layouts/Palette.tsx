import { createSpotlight, Spotlight, type SpotlightActionGroupData } from "@mantine/spotlight";
import "@mantine/spotlight/styles.css";
import { useDebouncedValue } from "@mantine/hooks";
import { IconFile, IconMicroscope, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { explainQuery, filesQuery } from "@/api/files";
import { listFiles } from "@/api/generated/files/files";
import { useInstruments } from "@/components/useInstruments";
import { useMe } from "@/contexts/session";
import { entriesFor } from "./navigation";
import { usePaletteActions } from "./usePaletteActions";

const SHOWN = 6;
const SHORTEST_SEARCH = 2;
/** With or without the address that it was pasted with, and of a version, too. */
const ARK = /(^|\/)ark:\S/i;

// Spotlight tells of its closing (Escape, a choice, a press beside it) only by its own store.
const [store, palette] = createSpotlight();

interface PaletteProps {
  opened: boolean;
  onClose: () => void;
}

/** Goes anywhere by a few letters: pages, instruments, files by name or identifier. */
export default function Palette({ opened, onClose }: PaletteProps) {
  const { t } = useTranslation();
  const [query, setQuery] = useState("");
  const { groups, isSearching } = useGroups(query.trim());
  useEffect(() => {
    if (opened) palette.open();
  }, [opened]);
  return (
    <Spotlight
      store={store}
      onSpotlightClose={onClose}
      shortcut={null}
      query={query}
      onQueryChange={setQuery}
      actions={groups}
      filter={(_query, actions) => actions} // the groups are narrowed already
      nothingFound={t(isSearching ? "common.loading" : "shell.palette.nothing")}
      highlightQuery
      scrollable
      maxHeight={420}
      searchProps={{
        leftSection: <IconSearch size={18} aria-hidden />,
        placeholder: t("shell.palette.hint"),
        "aria-label": t("shell.palette.hint"),
      }}
    />
  );
}

function useGroups(query: string) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const me = useMe();
  const [settled] = useDebouncedValue(query, 150);
  const instruments = useInstruments(query);
  const files = useQuery({
    queryKey: [...filesQuery({}).queryKey, "palette", settled],
    queryFn: () => listFiles({ search: settled, limit: SHOWN }),
    enabled: settled.length >= SHORTEST_SEARCH && !ARK.test(settled),
  });
  const isArk = ARK.test(settled);
  const cited = useQuery({ ...explainQuery(settled), enabled: isArk });
  const fitting = instruments.items.filter((one) =>
    `${one.name} ${one.slug}`.toLowerCase().includes(query.toLowerCase()),
  );
  const actions = usePaletteActions(query === "" ? [] : fitting);
  const file = cited.data?.file;
  const ofWords = files.data?.items.map((one) => ({
    ...one,
    description: one.ark ?? one.instrument_name,
  }));
  const ofArk = file ? [{ ...file, description: settled }] : [];
  const foundFiles = isArk ? ofArk : (ofWords ?? []);
  const matches = (text: string) => text.toLowerCase().includes(query.toLowerCase());
  const go = (to: string) => () => void navigate({ to });
  const found: SpotlightActionGroupData[] = [
    {
      group: t("shell.palette.pages"),
      actions: entriesFor(me.is_superuser)
        .map((entry) => ({ entry, label: t(`shell.pages.${entry.page}`) }))
        .filter(({ label }) => matches(label))
        .map(({ entry, label }) => ({
          id: entry.page,
          label,
          leftSection: <entry.icon size={18} aria-hidden />,
          onClick: go(entry.to),
        })),
    },
    {
      group: t("shell.palette.instruments"),
      actions: fitting.slice(0, SHOWN).map((one) => ({
        id: one.id,
        label: one.name,
        leftSection: <IconMicroscope size={18} aria-hidden />,
        onClick: go(`/instruments/${one.id}`),
      })),
    },
    {
      group: t("shell.palette.files"),
      actions: (query.length >= SHORTEST_SEARCH ? foundFiles : []).map((one) => ({
        id: one.id,
        label: one.path,
        description: one.description,
        leftSection: <IconFile size={18} aria-hidden />,
        onClick: go(`/files/${one.id}`),
      })),
    },
    // Last: Enter opens what was looked for, and does nothing by surprise.
    {
      group: t("shell.palette.actions"),
      actions: actions.filter((one) => matches(one.label ?? "")),
    },
  ];
  return {
    groups: found.filter((group) => group.actions.length > 0),
    isSearching:
      query.length >= SHORTEST_SEARCH &&
      (settled !== query || files.isFetching || cited.isFetching),
  };
}
