import { useMantineColorScheme } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { useTranslation } from "react-i18next";
import type { MeRead, Preferences } from "@/api/models";
import { keepPreferences, sessionKeys } from "@/api/session";
import { problemTexts } from "@/components/problems";

interface Liked {
  liked: Preferences;
  change: (part: Partial<Preferences>) => void;
}

const SAVED_AFTER_MILLISECONDS = 600;
const Context = createContext<Liked | null>(null);

/** How the person likes the page; they find it so at every desk. */
export function PreferencesProvider({ me, children }: { me: MeRead; children: ReactNode }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  // A box that is ticked is ticked at once: the query tells of it a moment later.
  const [liked, setLiked] = useState(me.preferences);
  const latest = useRef(liked);
  useEffect(() => {
    latest.current = me.preferences;
    setLiked(me.preferences);
  }, [me.preferences]);
  const save = useDebouncedCallback(() => {
    keepPreferences(latest.current).catch((error: unknown) => {
      const { title, remedy } = problemTexts(error, t);
      notifications.show({ color: "red", title, message: remedy });
    });
  }, SAVED_AFTER_MILLISECONDS);
  const change = useCallback(
    (part: Partial<Preferences>) => {
      latest.current = { ...latest.current, ...part };
      const preferences = latest.current;
      setLiked(preferences);
      client.setQueryData<MeRead>(sessionKeys.me, (old) => old && { ...old, preferences });
      save();
    },
    [client, save],
  );
  const value = useMemo(() => ({ liked, change }), [liked, change]);
  useTheme(liked.theme);
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** The colours that were chosen at another desk. */
function useTheme(theme: Preferences["theme"]) {
  const { setColorScheme } = useMantineColorScheme();
  useEffect(() => {
    if (theme) setColorScheme(theme === "system" ? "auto" : theme);
  }, [theme, setColorScheme]);
}

/** Outside of a session it is liked for as long as the part is shown. */
export function usePreferences(): Liked {
  const [own, setOwn] = useState<Preferences>({});
  const inSession = useContext(Context);
  const alone = useMemo(
    () => ({
      liked: own,
      change: (part: Partial<Preferences>) => setOwn((old) => ({ ...old, ...part })),
    }),
    [own],
  );
  return inSession ?? alone;
}
