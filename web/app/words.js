// The language of the page: which one is chosen, its words, its plural forms, its numbers and times.

import { ru } from "../words/ru.js";
import { en } from "../words/en.js";
import { remember, recall, tell } from "./state.js";

const LANGUAGES = { ru, en };

let language = recall("language", ["ru", "en"]) ?? (navigator.language.startsWith("ru") ? "ru" : "en");
// The appliance's time zone, once the server has said it: its journal and calendar are in its own time, not the browser's.
let zone;
let formats = {};

document.documentElement.lang = language;

export const spoken = () => language;

export function speak(chosen) {
  language = chosen;
  formats = {};
  remember("language", chosen);
  document.documentElement.lang = chosen;
  tell();
}

export function setZone(name) {
  if (!name || name === zone) return;
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
  } catch {
    return;
  }
  zone = name;
  formats = {};
}

// The words for a key; a function there gets the arguments. A missing key shows itself.
export function t(key, ...values) {
  const word = LANGUAGES[language][key];
  if (typeof word === "function") return word(...values);
  return word ?? key;
}

export const has = (key) => key in LANGUAGES[language];

// What the server said, in the page's language: it says most things as { en, ru }, some as one text.
export const said = (what) => (what !== null && typeof what === "object" ? (what[language] ?? what.en ?? "") : (what ?? ""));

function format(name, make) {
  formats[name] ??= make();
  return formats[name];
}

export function number(n, digits = 0) {
  return format(`n${digits}`, () => new Intl.NumberFormat(language, { maximumFractionDigits: digits })).format(n);
}

// Octets with a unit of 1024.
export function size(octets) {
  let value = octets;
  let unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    unit += 1;
  }
  return `${number(value, unit === 0 || value >= 100 ? 0 : 1)}\u00A0${t("units")[unit]}`;
}

function moment(name, seconds, options) {
  return format(name, () => new Intl.DateTimeFormat(language, { timeZone: zone, ...options })).format(seconds * 1000);
}

const HOUR = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const DATE = { day: "numeric", month: "short", year: "numeric" };

export const clock = (seconds) => moment("clock", seconds, { ...HOUR, second: "2-digit" });
export const hour = (seconds) => moment("hour", seconds, HOUR);
export const date = (seconds) => moment("date", seconds, DATE);

// A day that was written as 2026-11-24.
export const plainDay = (iso) =>
  format("plain", () => new Intl.DateTimeFormat(language, { timeZone: "UTC", day: "numeric", month: "short" })).format(Date.parse(`${iso}T00:00Z`));
export const when = (seconds) => moment("when", seconds, { ...DATE, ...HOUR });

export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return t("duration", Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60);
}
