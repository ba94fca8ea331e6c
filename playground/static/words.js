// The page's own words, in the language of the person acting.

import { en } from "./words-en.js";
import { ja } from "./words-ja.js";

let current = "en-US";

/** Take a Discord locale ("ja", "en-US", …) for all that follows. */
export function setLocale(locale) {
  current = locale || "en-US";
  document.documentElement.lang = current;
}

/** The Discord locale in use, also a BCP 47 tag for Intl. */
export const locale = () => current;

const words = () => (current.startsWith("ja") ? ja : en);

export const has = (key) => key in words();

/** A word with its {places} filled. */
export function t(key, values = {}) {
  const text = words()[key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** A language's name in itself. */
export const languageOf = (tag) => (tag?.startsWith("ja") ? "日本語" : "English");
