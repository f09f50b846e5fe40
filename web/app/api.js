// The API: one way to ask, one form of error. A 401 anywhere means that somebody has to log in again.

import { shared, tell } from "./state.js";

// What went wrong, as the server said it. `what`, `todo` and those of `fields` are texts or { en, ru }; `wait` is seconds.
export class Trouble extends Error {
  constructor(status, body, wait) {
    super(body.error ?? "");
    const words = (name) => (body.words ? { en: body.words.en?.[name], ru: body.words.ru?.[name] } : (body[name] ?? ""));
    this.status = status;
    this.what = words("error");
    this.todo = words("todo");
    this.fields = (body.fields ?? []).map((one) => ({ field: one.field, what: one.words ?? one.what }));
    this.wait = wait;
  }

  // What is wrong with one field, or undefined.
  of(name) {
    return this.fields.find((one) => one.field === name)?.what;
  }
}

// Troubles that the server cannot tell of.
const SILENT = {
  words: {
    en: { error: "the server does not answer", todo: "see whether it runs and whether the network is there" },
    ru: { error: "сервер не отвечает", todo: "проверьте, работает ли он и есть ли сеть" },
  },
};

const strange = (status) => ({
  words: {
    en: { error: `the server answered ${status}`, todo: "try again" },
    ru: { error: `сервер ответил ${status}`, todo: "попробуйте ещё раз" },
  },
});

async function call(method, path, body, signal) {
  const options = { method, signal, headers: { Accept: "application/json" } };
  if (method !== "GET") {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body ?? {});
  }
  let answer;
  try {
    answer = await fetch(`api/${path}`, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble(0, SILENT);
  }
  const reply = await answer.json().catch((error) => {
    // An answer that broke off is none, however well it began.
    if (error.name === "AbortError") throw error;
    if (answer.ok) throw new Trouble(0, SILENT);
    return {};
  });
  if (answer.ok) return reply;
  if (answer.status === 401 && path !== "login") {
    shared.session = null;
    tell();
  }
  throw trouble(answer, reply);
}

function trouble(answer, reply) {
  const wait = Number(answer.headers.get("Retry-After"));
  return new Trouble(answer.status, typeof reply.error === "string" ? reply : strange(answer.status), wait > 0 ? wait : undefined);
}

// A path from parts, each escaped, and a query without what is empty.
export function at(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "" && value !== null);
  const search = new URLSearchParams(given).toString().replaceAll("+", "%20");
  return parts.map(encodeURIComponent).join("/") + (search ? `?${search}` : "");
}

// The same path as a look that the page takes by itself: it does not keep a session alive.
export const quiet = (path) => `${path}${path.includes("?") ? "&" : "?"}background=1`;

export const get = (path, signal) => call("GET", path, undefined, signal);
export const post = (path, body) => call("POST", path, body);
export const put = (path, body) => call("PUT", path, body);
export const remove = (path) => call("DELETE", path);
