import { Modal, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { listenForSignOut } from "@/api/client";
import type { MeRead } from "@/api/models";
import { isCheap } from "@/api/queryClient";
import { meQuery } from "@/api/session";
import { SignInForm } from "@/components/SignInForm";
import { PreferencesProvider } from "./preferences";

/** Also over a drawer or menu that was open when the session ended. */
const ABOVE_EVERYTHING = 1000;
const Me = createContext<MeRead | null>(null);
const SignIns = createContext(0);

/** The person who is signed in. Pages inside the shell always have one. */
export function useMe(): MeRead {
  const me = useContext(Me);
  if (me === null) throw new Error("useMe is for pages inside the shell.");
  return me;
}

/** How often somebody signed in again on this page. */
export function useSignIns(): number {
  return useContext(SignIns);
}

/**
 * Keeps who is signed in. When the session ends, a form lies over the page: nothing that was
 * typed is lost, and everything is asked again after signing in.
 */
export function SessionProvider({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { data: me } = useQuery(meQuery());
  const [expired, setExpired] = useState(false);
  const [signIns, setSignIns] = useState(0);
  useEffect(() => listenForSignOut(() => setExpired(true)), []);
  if (!me) return null;
  return (
    <Me.Provider value={me}>
      <SignIns.Provider value={signIns}>
        <PreferencesProvider me={me}>{children}</PreferencesProvider>
      </SignIns.Provider>
      <Modal
        opened={expired}
        onClose={() => undefined}
        withCloseButton={false}
        zIndex={ABOVE_EVERYTHING}
        closeOnEscape={false}
        closeOnClickOutside={false}
        title={t("shell.expired.title")}
      >
        <Stack>
          <Text size="sm">{t("shell.expired.text")}</Text>
          <SignInForm
            email={me.email}
            onDone={(email) => {
              // Nothing of one person is left on the page of another.
              if (email.toLowerCase() !== me.email.toLowerCase()) window.location.reload();
              setExpired(false);
              setSignIns((count) => count + 1);
              void client.invalidateQueries({ predicate: isCheap });
            }}
          />
        </Stack>
      </Modal>
    </Me.Provider>
  );
}
