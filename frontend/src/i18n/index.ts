import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { en } from "./en";

export const LOCALE_KEY = "streamweave-locale";
export const LOCALES = ["en", "en-XA"] as const;
/** The pseudo-locale: shows which texts don't go through the catalogue, and what gets cut off. */
export const PSEUDO_LOCALE = "en-XA";

declare module "i18next" {
  interface CustomTypeOptions {
    defaultNS: "translation";
    resources: { translation: typeof en };
  }
}

/** The language for numbers and times; the pseudo-locale formats as English does. */
export function formatLocale(): string {
  return i18next.language === PSEUDO_LOCALE ? "en" : i18next.language;
}

export async function startTexts(): Promise<void> {
  const locale = localStorage.getItem(LOCALE_KEY) ?? "en";
  await i18next.use(initReactI18next).init({
    lng: locale,
    fallbackLng: "en",
    resources: { en: { translation: en } },
    interpolation: { escapeValue: false }, // React escapes
    returnNull: false,
  });
  if (locale === PSEUDO_LOCALE) {
    const { pseudoCatalogue } = await import("./pseudo");
    i18next.addResourceBundle(PSEUDO_LOCALE, "translation", pseudoCatalogue(en));
  }
  document.documentElement.lang = formatLocale();
}
