// Times in the person's language, and the relative ones that keep counting.

import { locale } from "./words.js";

const STYLES = {
  t: { hour: "2-digit", minute: "2-digit" },
  T: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  d: { year: "numeric", month: "2-digit", day: "2-digit" },
  D: { year: "numeric", month: "long", day: "numeric" },
  f: { year: "numeric", month: "long", day: "numeric", hour: "2-digit", minute: "2-digit" },
  F: { weekday: "long", year: "numeric", month: "long", day: "numeric", hour: "2-digit", minute: "2-digit" },
  s: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" },
  S: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
};

const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];

export function formatTime(date, style) {
  return new Intl.DateTimeFormat(locale(), STYLES[style]).format(date);
}

export function formatRelative(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" })
    .format(Math.trunc(seconds / size), unit);
}

/** A date as a heading between days. */
export function formatDay(date) {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "full" }).format(date);
}

/** Time of day for messages of today, date and time for older ones. */
export function formatStamp(date) {
  const today = new Date().toDateString() === date.toDateString();
  return formatTime(date, today ? "t" : "s");
}

/** Keep every `<time data-relative>` on the page right. */
export function startClock() {
  setInterval(() => {
    for (const element of document.querySelectorAll("time[data-relative]")) {
      const text = formatRelative(new Date(element.dateTime));
      if (element.textContent !== text) element.textContent = text;
    }
  }, 1000);
}
