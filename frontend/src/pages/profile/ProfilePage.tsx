import { useTranslation } from "react-i18next";
import { Facts } from "@/components/Facts";
import { Page } from "@/components/Page";
import { Section } from "@/components/Section";
import { Time } from "@/components/Time";
import { useMe } from "@/contexts/session";
import { EditMe } from "./EditMe";
import { Tokens } from "./Tokens";

export function ProfilePage() {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <Page title={t("profile.title")} lead={t("profile.lead")}>
      <Section title={t("profile.account.title")}>
        <Facts
          items={[
            [
              t("profile.account.email"),
              <span key="email" translate="no">
                {me.email}
              </span>,
            ],
            me.display_name !== "" && [
              t("profile.account.name"),
              <span key="name" translate="no">
                {me.display_name}
              </span>,
            ],
            [
              t("profile.account.role"),
              t(me.is_superuser ? "users.role.admin" : "users.role.user"),
            ],
            [t("profile.account.since"), <Time key="since" at={me.created_at} />],
          ]}
        />
      </Section>
      <EditMe />
      <Tokens />
    </Page>
  );
}
