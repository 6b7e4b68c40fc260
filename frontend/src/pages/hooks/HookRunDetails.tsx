import { Code, Drawer, Stack, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { HookRunRead } from "@/api/models";
import { CauseNote } from "@/components/CauseNote";
import { Facts } from "@/components/Facts";
import { Time } from "@/components/Time";
import { OutcomePill } from "./outcome";

/** One time that a hook was asked: what it was told, what it answered, what it wrote. */
export function HookRunDetails({ run, onClose }: { run: HookRunRead; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Drawer
      opened
      onClose={onClose}
      position="right"
      size="lg"
      title={run.hook_name ?? t("hooks.log.removed")}
      closeButtonProps={{ "aria-label": t("common.actions.close") }}
    >
      <Stack>
        {run.error_code && (
          <CauseNote code={run.error_code} detail={run.error_detail} remedy={run.remedy} />
        )}
        <Facts
          items={[
            [t("hooks.log.outcome"), <OutcomePill key="outcome" outcome={run.outcome} />],
            [t("hooks.log.at"), <Time key="at" at={run.at} exact />],
            [t("hooks.log.duration"), `${run.duration_ms.toFixed(1)} ms`],
            [t("hooks.log.version"), `${run.hook_version} (${run.hook_revision})`],
          ]}
        />
        <Part title={t("hooks.log.told")}>{run.facts}</Part>
        {run.answer && <Part title={t("hooks.log.answered")}>{run.answer}</Part>}
        {run.log.length > 0 && <Part title={t("hooks.log.wrote")}>{run.log.join("\n")}</Part>}
      </Stack>
    </Drawer>
  );
}

function Part({ title, children }: { title: string; children: object | string }): ReactNode {
  return (
    <section>
      <Title order={3}>{title}</Title>
      <Code block translate="no" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        {typeof children === "string" ? children : JSON.stringify(children, null, 2)}
      </Code>
    </section>
  );
}
