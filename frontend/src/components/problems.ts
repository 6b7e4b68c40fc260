import type { TFunction } from "i18next";
import { Problem } from "@/api/problem";

export interface ProblemTexts {
  title: string;
  detail: string;
  remedy: string;
  code: string;
  requestId: string;
}

const OWN_CODES = [
  "page_answer_unreadable",
  "page_cancelled",
  "page_server_slow",
  "page_server_unreachable",
] as const;
type OwnCode = (typeof OWN_CODES)[number];

function isOwn(code: string): code is OwnCode {
  return (OWN_CODES as readonly string[]).includes(code);
}

/** Cause, remedy and code of any error: the server's words, or the page's own for its errors. */
export function problemTexts(error: unknown, t: TFunction): ProblemTexts {
  if (error instanceof Problem) {
    const { code, title, detail, remedy, requestId, status } = error;
    if (!isOwn(code)) return { code, title, detail, remedy, requestId };
    return {
      code,
      requestId,
      title: t(`common.error.${code}.title`),
      detail: t(`common.error.${code}.detail`, { status }),
      remedy: t(`common.error.${code}.remedy`),
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "page_broken",
    requestId: "",
    title: t("common.error.page_broken.title"),
    detail: t("common.error.page_broken.detail", { message }),
    remedy: t("common.error.page_broken.remedy"),
  };
}

/** The server's field errors as Mantine's forms want them: "/storage/0/name" is "storage.0.name". */
export function fieldErrors(error: unknown): Record<string, string> {
  if (!(error instanceof Problem)) return {};
  return Object.fromEntries(
    error.fields.map(({ pointer, detail }) => [pointer.slice(1).replaceAll("/", "."), detail]),
  );
}
