// The lines of the start page (A2-A16): what runs, on which ports, why, and what its button does (A23).

import { said, t } from "./words.js";
import { link } from "./route.js";
import { put } from "./api.js";

// The ports of a line without TLS from the first byte, and those with it.
const plain = (line) => line.ports.filter((one) => one.port && !isSsl(one)).map((one) => one.port);
const ssl = (line) => line.ports.filter((one) => one.port && isSsl(one)).map((one) => one.port);
const isSsl = (one) => /s$/.test(one.name);

// A sentence for each line that the server may name.
const SENTENCES = {
  server: (line) => t("server_is", line.on),
  smtp: (line) => (line.on ? t("smtp_runs", plain(line).join("/")) : t("smtp_off")),
  encryption: (line) => t("encryption_is", line.on),
  queue: (line, all) => t("in_queue", all.counts.queue ?? 0),
  store: (line) => t("store_is", line.on),
  collector: (line) => t("collector_is", line.on),
  dkim: (line) => t("dkim_is", line.on),
  spam: (line) => t("spam_is", line.on),
  antivirus: (line) => t("antivirus_is", line.on),
  dlp: (line) => t("dlp_is", line.on),
  greylist: (line) => t("greylist_is", line.on),
  directory: (line) => t("directory_is", line.on),
};

const WORST = ["off", "green", "yellow", "red"];

// POP3 and IMAP are one line of the specification (A13) and two services: one sentence, a button each.
function readers(lines) {
  const on = lines.filter((line) => line.on);
  const names = { pop3: "POP3", imap: "DIMAP" };
  return {
    id: "readers",
    text: on.length ? t("readers_run", on.map((line) => names[line.id]).join("/"), on.flatMap(plain).join("/")) : t("readers_off"),
    why: [on.some((line) => ssl(line).length) && t("ssl_ports", on.flatMap(ssl).join("/")), ...lines.map((line) => said({ en: line.why, ru: line.why_ru }))],
    light: lines.map((line) => line.light).sort((a, b) => WORST.indexOf(b) - WORST.indexOf(a))[0],
    switches: lines.filter((line) => line.can_switch).map((line) => flip(line, t(`service_${line.id}`))),
  };
}

const flip = (line, name) => ({
  name,
  on: line.on,
  send: () => put(`services/${line.id}`, { on: !line.on }),
  warning: line.id === "server" ? t("disable_server") : t("disable_service"),
});

function single(line, start) {
  const name = t(`service_${line.id}`);
  return {
    id: line.id,
    text: SENTENCES[line.id] ? SENTENCES[line.id](line, start) : `${line.id}: ${t(line.on ? "on_n" : "off_n")}`,
    why: [line.id === "smtp" && line.on && ssl(line).length && t("ssl_ports", ssl(line).join("/")), said({ en: line.why, ru: line.why_ru })],
    light: line.light,
    switches: line.can_switch ? [flip(line, name)] : [],
    href: !line.can_switch && line.section ? link(["settings", line.section]) : undefined,
  };
}

// What the page shows: { id, text, why, light, switches: [{ name, on, send, warning }], href }.
export function serviceLines(start) {
  const { mailboxes, aliases, domains } = start.counts;
  const isReader = (line) => line.id === "pop3" || line.id === "imap";
  const lines = [];
  for (const line of start.lines) {
    if (!isReader(line)) lines.push(single(line, start));
    else if (!lines.some((one) => one.id === "readers")) lines.push(readers(start.lines.filter(isReader)));
  }
  if (!start.lines.some((line) => line.id === "queue")) {
    lines.push({ id: "queue", light: "none", text: t("in_queue", start.counts.queue ?? 0), why: [], switches: [], href: link(["queue"]) });
  }
  lines.splice(1, 0, { id: "counts", light: "none", text: t("created", mailboxes, aliases, domains), why: [], switches: [], href: link(["mail"]) });
  return lines.map((line) => ({ ...line, why: line.why.filter(Boolean).join(" · ") }));
}
