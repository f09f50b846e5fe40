// Where we are: the part of the address behind `#`. `#/mail/office.test?tab=aliases&search=ann` is
// { path: ["mail", "office.test"], query: { tab: "aliases", search: "ann" } }. Every place has an address of its own, so
// that the back button, a bookmark and a link in a mail work.

import { listen, tell } from "./state.js";

let blocked = null;
let current = read();

function read() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decode);
  return { path: parts, query: Object.fromEntries(new URLSearchParams(query)) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const route = () => current;

export function link(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "" && value !== null);
  const search = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${search ? `?${search}` : ""}`;
}

export function go(path, query, { replace = false } = {}) {
  const to = link(path, query);
  if (to === location.hash) return;
  if (replace) {
    history.replaceState(null, "", to);
    arrive();
  } else {
    location.hash = to;
  }
}

// Changes a part of the query and stays on the page.
export const turn = (change, options) => go(current.path, { ...current.query, ...change }, options);

// While something is unsaved: `ask(next)` is called instead of leaving.
export function guard(ask) {
  blocked = ask;
  return () => {
    if (blocked === ask) blocked = null;
  };
}

let settled = location.hash;

function arrive() {
  const next = read();
  const leaves = next.path[0] !== current.path[0];
  if (blocked && leaves) {
    const wanted = location.hash;
    history.replaceState(null, "", settled || "#/");
    blocked(() => {
      blocked = null;
      location.hash = wanted;
    });
    return;
  }
  settled = location.hash;
  current = next;
  tell();
}

addEventListener("hashchange", arrive);
addEventListener("beforeunload", (event) => {
  if (blocked) event.preventDefault();
});

export { listen };
