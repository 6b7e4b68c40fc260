import { createSpotlight, Spotlight, type SpotlightActionGroupData } from "@mantine/spotlight";
import "@mantine/spotlight/styles.css";
import { useDebouncedValue } from "@mantine/hooks";
import { IconFile, IconMicroscope, IconSearch } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { filesQuery } from "@/api/files";
import { listFiles } from "@/api/generated/files/files";
import { useInstruments } from "@/components/useInstruments";
import { useMe } from "@/contexts/session";
import { entriesFor } from "./navigation";

const SHOWN = 6;
const SHORTEST_SEARCH = 2;

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
    enabled: settled.length >= SHORTEST_SEARCH,
  });
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
      actions: instruments.items
        .filter((one) => matches(`${one.name} ${one.slug}`))
        .slice(0, SHOWN)
        .map((one) => ({
          id: one.id,
          label: one.name,
          leftSection: <IconMicroscope size={18} aria-hidden />,
          onClick: go(`/instruments/${one.id}`),
        })),
    },
    {
      group: t("shell.palette.files"),
      actions: (query.length >= SHORTEST_SEARCH ? (files.data?.items ?? []) : []).map((one) => ({
        id: one.id,
        label: one.path,
        description: one.ark ?? one.instrument_name,
        leftSection: <IconFile size={18} aria-hidden />,
        onClick: go(`/files/${one.id}`),
      })),
    },
  ];
  return {
    groups: found.filter((group) => group.actions.length > 0),
    isSearching: query.length >= SHORTEST_SEARCH && (settled !== query || files.isFetching),
  };
}
