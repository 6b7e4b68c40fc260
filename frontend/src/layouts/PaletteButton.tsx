import { Group, Kbd, Text, UnstyledButton } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { IconSearch } from "@tabler/icons-react";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import classes from "./PaletteButton.module.css";

// It is loaded when it is wanted first: nobody waits for it at the first paint.
const Palette = lazy(() => import("./Palette"));

/** Opens the command palette, by press or Ctrl-K. */
export function PaletteButton() {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const [wanted, setWanted] = useState(false);
  const open = () => {
    setWanted(true);
    setOpened(true);
  };
  useHotkeys([["mod+K", open]], []);
  return (
    <>
      <UnstyledButton className={classes.button} onClick={open}>
        <Group gap={8} wrap="nowrap">
          <IconSearch size={16} aria-hidden />
          <Text size="sm" className={classes.hint} truncate>
            {t("shell.palette.hint")}
          </Text>
          <Kbd size="xs" visibleFrom="sm" translate="no" aria-hidden>
            Ctrl K
          </Kbd>
        </Group>
      </UnstyledButton>
      {wanted && (
        <Suspense fallback={null}>
          <Palette opened={opened} onClose={() => setOpened(false)} />
        </Suspense>
      )}
    </>
  );
}
