import { setupI18n } from "@lingui/core";
import type english from "./en.json";

/** The name of a text in the catalogues. */
export type Word = keyof typeof english;

export const LOCALES = ["en", "de"] as const;
export type Locale = (typeof LOCALES)[number];

const CATALOGUES = {
  en: () => import("./en.json"),
  de: () => import("./de.json"),
} as const satisfies Record<Locale, unknown>;

const i18n = setupI18n();

/** The language of the browser, as far as the console speaks it. */
export function preferredLocale(languages: readonly string[]): Locale {
  const found = languages.flatMap((language) => LOCALES.filter((one) => language.toLowerCase().split("-")[0] === one));
  return found[0] ?? "en";
}

/** Loads the texts. Nothing can be shown before. */
export async function speak(locale: Locale): Promise<void> {
  const { default: messages } = await CATALOGUES[locale]();
  i18n.loadAndActivate({ locale, messages });
  document.documentElement.lang = locale;
}

export const t = (word: Word, values?: Readonly<Record<string, string | number>>): string => i18n._(word, values);

export const number = (value: number): string => value.toLocaleString(i18n.locale);

/** `2 Jun 2026, 10:05`, in the time zone of the reader. */
export const dateTime = (time: string | number): string =>
  new Date(time).toLocaleString(i18n.locale, { dateStyle: "medium", timeStyle: "short" });

/** `10:05:42` */
export const clock = (time: number): string => new Date(time).toLocaleTimeString(i18n.locale);
