import { Modal, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { listenForSignOut } from "@/api/client";
import type { UserRead } from "@/api/models";
import { meQuery } from "@/api/session";
import { SignInForm } from "@/components/SignInForm";

/** Also over a drawer or menu that was open when the session ended. */
const ABOVE_EVERYTHING = 1000;
const Me = createContext<UserRead | null>(null);

/** The person who is signed in. Pages inside the shell always have one. */
export function useMe(): UserRead {
  const me = useContext(Me);
  if (me === null) throw new Error("useMe is for pages inside the shell.");
  return me;
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
  useEffect(() => listenForSignOut(() => setExpired(true)), []);
  if (!me) return null;
  return (
    <Me.Provider value={me}>
      {children}
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
            onDone={() => {
              setExpired(false);
              void client.invalidateQueries();
            }}
          />
        </Stack>
      </Modal>
    </Me.Provider>
  );
}
