import { Button, Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useConfirmListing } from "@/api/instruments";
import type { InstrumentRead } from "@/api/models";
import { Confirm } from "@/components/Confirm";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useMe } from "@/contexts/session";

/** The breaker has tripped: what was seen, and the one choice that a person has. */
export function ListingHeld({ instrument }: { instrument: InstrumentRead }) {
  const { t } = useTranslation();
  const me = useMe();
  const accept = useConfirmListing();
  return (
    <Section
      title={t("instruments.state.listing_held")}
      hint={<Time at={instrument.scan?.listing_held_at} />}
    >
      <Text size="sm">{t("instruments.listing_held.text")}</Text>
      <Text size="sm" translate="no">
        {instrument.scan?.listing_held_detail}
      </Text>
      {me.is_superuser && (
        <Group>
          <Confirm
            danger
            title={t("instruments.listing_held.title", { name: instrument.name })}
            consequences={t("instruments.listing_held.consequences")}
            confirmLabel={t("instruments.listing_held.confirm")}
            isPending={accept.isPending}
            error={accept.error}
            onConfirm={() => accept.mutateAsync(instrument.id)}
          >
            {(ask) => (
              <Button variant="default" onClick={ask}>
                {t("instruments.listing_held.confirm")}
              </Button>
            )}
          </Confirm>
        </Group>
      )}
    </Section>
  );
}
