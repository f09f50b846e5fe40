// The API: one way to ask, one form of error. A 401 anywhere means that somebody has to log in again.

import { shared, tell } from "./state.js";

// What went wrong, as the server said it: { status, error, todo, fields: [{ field, what }], wait }.
export class Trouble extends Error {
  constructor(status, body) {
    super(body.error ?? "");
    this.status = status;
    this.todo = body.todo ?? "";
    this.code = body.code;
    this.fields = body.fields ?? [];
    this.wait = body.wait;
  }

  // What is wrong with one field, or undefined.
  of(name) {
    return this.fields.find((one) => one.field === name)?.what;
  }
}

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
    throw new Trouble(0, { error: "the server does not answer", todo: "see whether it runs and whether the network is there" });
  }
  const reply = await answer.json().catch(() => ({}));
  if (answer.ok) return reply;
  if (answer.status === 401 && !path.startsWith("session")) {
    shared.session = null;
    tell();
  }
  throw trouble(answer, reply);
}

function trouble(answer, reply) {
  const said = typeof reply.error === "string" ? reply : { error: `the server answered ${answer.status}`, todo: "try again" };
  const wait = Number(said.wait ?? answer.headers.get("Retry-After"));
  return new Trouble(answer.status, { ...said, wait: Number.isFinite(wait) && wait > 0 ? wait : undefined });
}

// A path from parts, each escaped, and a query without what is empty.
export function at(parts, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "" && value !== null);
  const search = new URLSearchParams(given).toString().replaceAll("+", "%20");
  return parts.map(encodeURIComponent).join("/") + (search ? `?${search}` : "");
}

export const get = (path, signal) => call("GET", path, undefined, signal);
export const post = (path, body) => call("POST", path, body);
export const put = (path, body) => call("PUT", path, body);
export const remove = (path) => call("DELETE", path);
