// Which setting stands in which section of the page. A setting that nobody placed is shown at the end, never hidden.

const SECTIONS = [
  ["ports", ["smtp.port", "smtp.submission.port", "smtp.ssl.port", "pop3.port", "pop3.ssl.port", "imap.port", "imap.ssl.port", "smtp.interfaces", "pop3.interfaces", "imap.interfaces"]],
  ["tls", ["tls."]],
  ["receiving", ["smtp."]],
  ["sending", ["queue.", "relay."]],
  ["filtering", ["rbl.", "greylist.", "spam.", "antivirus.", "dlp.", "dkim.", "proof."]],
  ["mailboxes", ["mailbox.", "quota.", "imap."]],
  ["logins", ["login."]],
  ["web", ["http.", "page.", "web.", "admin.", "api."]],
  ["storage", ["store."]],
  ["logs", ["journal.", "syslog."]],
];

function sectionOf(key) {
  const exact = SECTIONS.find(([, keys]) => keys.includes(key));
  const prefix = SECTIONS.find(([, keys]) => keys.some((one) => one.endsWith(".") && key.startsWith(one)));
  return (exact ?? prefix)?.[0] ?? "other";
}

// [section, rows] in the order of the page, without empty ones.
export function divide(rows) {
  const names = [...SECTIONS.map(([name]) => name), "other"];
  return names.map((name) => [name, rows.filter((row) => sectionOf(row.key) === name)]).filter(([, list]) => list.length > 0);
}
