import { useMantineColorScheme } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import type { SpotlightActionData } from "@mantine/spotlight";
import {
  IconEdit,
  IconLogout,
  IconMoon,
  IconPlus,
  IconRefresh,
  IconShieldCheck,
  IconSun,
  IconSunMoon,
  IconUserCircle,
} from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { verificationQuery } from "@/api/audit";
import { useHarvestNow } from "@/api/instruments";
import type { InstrumentRead } from "@/api/models";
import { useSignOut } from "@/api/session";
import { problemTexts } from "@/components/problems";
import { usePreferences } from "@/contexts/preferences";
import { useMe } from "@/contexts/session";

const OF_INSTRUMENTS = 3;
const THEMES = { auto: IconSunMoon, light: IconSun, dark: IconMoon } as const;

interface Action {
  id: string;
  label: string;
  icon: typeof IconPlus;
  onClick: () => void;
}

/** What can be done from anywhere; of the instruments that were found, what admins do most. */
export function usePaletteActions(found: InstrumentRead[]): SpotlightActionData[] {
  const { is_superuser: isAdmin } = useMe();
  const own = useOwnActions();
  const ofAdmins = useAdminActions();
  const ofInstruments = useInstrumentActions();
  const actions = [
    ...own,
    ...(isAdmin ? [...ofAdmins, ...found.slice(0, OF_INSTRUMENTS).flatMap(ofInstruments)] : []),
  ];
  return actions.map(({ icon: Icon, ...action }) => ({
    ...action,
    leftSection: <Icon size={18} aria-hidden />,
  }));
}

function useOwnActions(): Action[] {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { setColorScheme } = useMantineColorScheme();
  const { change } = usePreferences();
  const signOut = useSignOut();
  return [
    {
      id: "profile",
      label: t("shell.pages.profile"),
      icon: IconUserCircle,
      onClick: () => void navigate({ to: "/profile" }),
    },
    ...(["auto", "light", "dark"] as const).map((scheme) => ({
      id: `theme-${scheme}`,
      label: `${t("shell.theme.label")}: ${t(`shell.theme.${scheme}`)}`,
      icon: THEMES[scheme],
      onClick: () => {
        setColorScheme(scheme);
        change({ theme: scheme === "auto" ? "system" : scheme });
      },
    })),
    {
      id: "sign-out",
      label: t("shell.menu.sign_out"),
      icon: IconLogout,
      onClick: () =>
        signOut.mutate(undefined, {
          onSuccess: () => void navigate({ to: "/sign-in", reloadDocument: true }),
        }),
    },
  ];
}

function useAdminActions(): Action[] {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  return [
    {
      id: "add-instrument",
      label: t("instruments.add"),
      icon: IconPlus,
      onClick: () => void navigate({ to: "/instruments/new" }),
    },
    {
      id: "verify",
      label: t("audit.verify.button"),
      icon: IconShieldCheck,
      onClick: () => {
        void navigate({ to: "/audit" });
        // The page shows what comes of it, an error too.
        void client.prefetchQuery({ ...verificationQuery(), staleTime: 0 });
      },
    },
  ];
}

function useInstrumentActions(): (instrument: InstrumentRead) => Action[] {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const harvest = useHarvestNow();
  return ({ id, name, paused }) => [
    ...(paused
      ? []
      : [
          {
            id: `harvest-${id}`,
            label: `${t("instruments.harvest.button")}: ${name}`,
            icon: IconRefresh,
            onClick: () =>
              harvest.mutate(id, {
                onSuccess: ({ joined }) =>
                  notifications.show({
                    message: t(
                      joined ? "instruments.harvest.joined" : "instruments.harvest.started",
                    ),
                  }),
                onError: (error) => {
                  const { detail, remedy } = problemTexts(error, t);
                  notifications.show({ color: "red", title: detail, message: remedy });
                },
              }),
          },
        ]),
    {
      id: `edit-${id}`,
      label: t("instruments.edit.title", { name }),
      icon: IconEdit,
      onClick: () =>
        void navigate({ to: "/instruments/$instrumentId/edit", params: { instrumentId: id } }),
    },
  ];
}
