// Values of settings: compared, sent, and said in words.

import { t, has, number } from "./words.js";

// The one text form of a value, so that 25 and "25" are the same.
export const textOf = (value) => (Array.isArray(value) ? value.join(", ") : value === true ? "on" : value === false ? "off" : String(value ?? ""));

export const same = (a, b) => textOf(a) === textOf(b);

// A value for people.
export function words(row, value) {
  if (row?.type === "switch") return value === true || value === "on" ? t("on_n") : t("off_n");
  const text = textOf(value);
  if (text === "") return t("empty_value");
  if (row?.type === "choice") return choiceWord(row.key, text);
  if (row && unit(row) && row.type !== "port") return `${text}\u00A0${unit(row)}`;
  return text;
}

export function choiceWord(key, word) {
  const own = `choice_${key}_${word}`;
  if (has(own)) return t(own);
  return has(`choice_${word}`) ? t(`choice_${word}`) : word;
}

// The limits of a number; undefined where there are none.
export const limits = (row) => [row.limits.min ?? undefined, row.limits.max ?? undefined];

export function unit(row) {
  const word = row.limits.unit ?? "";
  return word && has(`unit_${word}`) ? t(`unit_${word}`) : word;
}

export const choices = (row) => row.limits.choices ?? [];

// What may be put in, in words.
export function bounds(row) {
  const [min, max] = limits(row);
  if (row.type === "port") return t("bounds_port");
  return min === undefined ? "" : t("bounds_number", number(min), number(max), unit(row));
}
