import { useTranslation } from "react-i18next";
import type { StoryStep } from "@/api/models";

/** What happened in a step, in a few words. */
export function useStepTitle(): (step: StoryStep) => string {
  const { t, i18n } = useTranslation();
  return (step) => {
    const values = { number: step.number ?? 0, storage: step.storage_name ?? "" };
    if (step.kind === "attempt") {
      if (step.outcome === "failed") return t("files.story.attempt_failed", values);
      if (step.outcome === "lost") return t("files.story.lost", values);
      if (step.outcome === "resumed") return t("files.story.resumed", values);
      if (step.outcome === "adopted") return t("files.story.kind.adopted");
      return t("files.story.attempt", values);
    }
    if (step.kind === "available") return t("files.story.available", values);
    if (step.kind === "planned") {
      return t("files.story.kind.planned", { version: step.version ?? 1 });
    }
    if (step.kind === "access_granted") {
      const { hook, person } = step.details as { hook: string | null; person: string };
      return t("files.story.kind.access_granted", { hook: hook ?? "", person });
    }
    const key = `files.story.kind.${step.kind}`;
    return i18n.exists(key) ? t(key as never) : step.kind;
  };
}
