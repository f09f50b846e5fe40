// The lines of the start page (A2-A16): what runs, on which port, and why a line is not green.

import { said, t, number } from "./words.js";
import { link } from "./route.js";
import { get, post } from "./api.js";

const WORST = { red: 3, yellow: 2, green: 1, off: 0 };
const open = (...ports) => ports.filter(Boolean).join("/");

// The worst light of the board's entries whose name begins so, and what they say.
function look(status, ...names) {
  const entries = Object.entries(status.services).filter(([name]) => names.some((one) => name === one || name.startsWith(`${one}:`)));
  const worst = entries.reduce((light, [, one]) => (WORST[one.light] > WORST[light] ? one.light : light), "off");
  const bad = entries.filter(([, one]) => one.light === "red" || one.light === "yellow").map(([, one]) => said(one.text));
  return { light: worst, why: bad.join("; ") };
}

export function serviceLines(status) {
  const { ports } = status;
  const smtp = look(status, "smtp", "submission", "smtps");
  const pop3 = look(status, "pop3", "pop3s", "imap", "imaps");
  const lines = [
    { id: "mail", light: "green", text: t("created", status.mailboxes, status.aliases, status.domains), href: link(["mail"]), hrefWord: t("open") },
    { id: "tls", name: t("encryption"), light: status.encryption.ssl ? "green" : "off", on: status.encryption.ssl, text: t("encryption_is", status.encryption.ssl), flip: setting("tls.ssl", !status.encryption.ssl), warning: t("disable_tls") },
    { id: "pop3", name: "POP3/DIMAP", ...pop3, text: open(ports.pop3, ports.imap) ? t("pop3_runs", open(ports.pop3, ports.imap)) : t("pop3_off") },
    { id: "smtp", name: "SMTP", ...smtp, text: ports.smtp ? t("smtp_runs", ports.smtp) : t("smtp_off") },
    { id: "queue", light: "green", text: t("in_queue", status.queue ?? 0) },
  ];
  return lines;
}

function setting(key, value) {
  return async () => {
    const { rev } = await get("settings");
    return post("settings", { rev, fields: { [key]: value } });
  };
}

// What is red or yellow on the board, worst first.
export function troubles(status) {
  return Object.entries(status.services)
    .filter(([, one]) => one.light === "red" || one.light === "yellow")
    .map(([name, one]) => ({ name, title: title(name), ...one }))
    .sort((a, b) => WORST[b.light] - WORST[a.light]);
}

function title(name) {
  const [kind, ...rest] = name.split(":");
  const word = t(`board_${kind}`);
  return word === `board_${kind}` ? name : [word, rest.join(":")].filter(Boolean).join(" ");
}
