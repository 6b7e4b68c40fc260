import { Button, Menu, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import {
  IconDots,
  IconEdit,
  IconPlaneDeparture,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlugConnected,
  IconRefresh,
  IconTrash,
} from "@tabler/icons-react";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useDeleteInstrument, useHarvestNow, usePauseInstrument } from "@/api/instruments";
import type { InstrumentRead } from "@/api/models";
import type { Problem } from "@/api/problem";
import { Confirm } from "@/components/Confirm";
import { problemTexts } from "@/components/problems";
import { useMe } from "@/contexts/session";
import { ConnectionCheck } from "./ConnectionCheck";

/** Harvest Now, and the rest in a menu. */
export function InstrumentActions({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const me = useMe();
  const harvest = useHarvestNow();
  const complain = useComplaint();
  if (!me.is_superuser) return null;
  const harvestNow = () =>
    harvest.mutate(instrument.id, {
      onSuccess: (ticket) =>
        notifications.show({
          message: t(ticket.joined ? "instruments.harvest.joined" : "instruments.harvest.started"),
        }),
      onError: complain,
    });
  return (
    <>
      <Button
        leftSection={<IconRefresh size={16} />}
        loading={harvest.isPending}
        disabled={instrument.paused}
        onClick={harvestNow}
      >
        {t("instruments.harvest.button")}
      </Button>
      <MoreActions instrument={instrument} />
    </>
  );
}

/** What a press could not do, where no form can say it. */
function useComplaint() {
  const { t } = useTranslation();
  return (error: Problem) => {
    const { detail, remedy } = problemTexts(error, t);
    notifications.show({ color: "red", title: detail, message: remedy });
  };
}

function MoreActions({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const pause = usePauseInstrument();
  const complain = useComplaint();
  const remove = useDeleteInstrument(instrument);
  const [isChecking, setChecking] = useState(false);
  const { paused } = instrument;
  return (
    <Confirm
      danger
      title={t("instruments.delete.title", { name: instrument.name })}
      consequences={t("instruments.delete.consequences")}
      confirmLabel={t("instruments.delete.confirm")}
      isPending={remove.isPending}
      error={remove.error}
      onConfirm={() => remove.mutateAsync(undefined).then(() => navigate({ to: "/instruments" }))}
    >
      {(askToDelete) => (
        <>
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <Button variant="default" px={10} aria-label={t("common.actions.more")}>
                <IconDots size={16} />
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item
                component={Link}
                to={`/instruments/${instrument.id}/edit`}
                leftSection={<IconEdit size={16} />}
              >
                {t("instruments.edit.button")}
              </Menu.Item>
              <Menu.Item
                leftSection={<IconPlugConnected size={16} />}
                onClick={() => setChecking(true)}
              >
                {t("instruments.check.button")}
              </Menu.Item>
              <Menu.Item
                component={Link}
                to={`/instruments/${instrument.id}/flight`}
                leftSection={<IconPlaneDeparture size={16} />}
              >
                {t("instruments.flight.title")}
              </Menu.Item>
              <Menu.Item
                leftSection={paused ? <IconPlayerPlay size={16} /> : <IconPlayerPause size={16} />}
                onClick={() =>
                  pause.mutate({ id: instrument.id, paused: !paused }, { onError: complain })
                }
              >
                {t(paused ? "instruments.pause.resume" : "instruments.pause.button")}
              </Menu.Item>
              <Menu.Divider />
              <Menu.Item leftSection={<IconTrash size={16} />} onClick={askToDelete}>
                <Text size="sm" c="var(--mantine-color-error)">
                  {t("instruments.delete.button")}
                </Text>
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
          <ConnectionCheck
            instrument={instrument}
            opened={isChecking}
            onClose={() => setChecking(false)}
          />
        </>
      )}
    </Confirm>
  );
}
