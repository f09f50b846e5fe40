// The status page: asks the API every few seconds and shows the answer. Whatever comes from outside (journal lines hold
// strangers' words) reaches the page only as textContent.

import { size, words } from "./words.js";

const PERIOD = 5000;
const LINES = 100;

const at = (id) => document.getElementById(id);
let language = (localStorage.getItem("language") ?? navigator.language).startsWith("ru") ? "ru" : "en";

async function get(path) {
  const answer = await fetch(path, { cache: "no-store" });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}

function element(name, text, ...classes) {
  const made = document.createElement(name);
  made.textContent = text;
  made.classList.add(...classes);
  return made;
}

function row(cells, ...classes) {
  const made = document.createElement("tr");
  made.classList.add(...classes);
  made.append(...cells);
  return made;
}

const open = (...ports) => ports.filter((port) => port !== 0).join("/");

function lines(status) {
  const word = words[language];
  const smtp = open(status.ports.smtp, status.ports.submission, status.ports.smtps);
  const pop3 = open(status.ports.pop3, status.ports.pop3s);
  const minutes = Math.floor(status.uptime / 60);
  const disk = status.disk;
  return [
    word.created(status.mailboxes, status.aliases, status.domains),
    word.stored(status.mail.messages, size(status.mail.bytes, language)),
    smtp ? word.smtp(smtp) : word.smtpOff(),
    pop3 ? word.pop3(pop3) : word.pop3Off(),
    word.ssl(status.encryption.ssl),
    disk.error ? word.noDisk(disk.error) : word.disk(size(disk.free, language), size(disk.size, language)),
    word.process(size(status.process.rss ?? 0, language), status.process.threads ?? 0),
    word.uptime(Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60),
  ];
}

function show(status, journal) {
  at("server").textContent = `${status.server_name} \u2014 Gatepost ${status.version}`;
  at("lines").replaceChildren(...lines(status).map((text) => element("li", text)));
  const services = Object.entries(status.services).map(([name, state]) =>
    row([element("td", name, "light", state.light), element("td", state.text)]),
  );
  at("services").replaceChildren(...services);
  const time = new Intl.DateTimeFormat(language, { timeStyle: "medium", dateStyle: "short" });
  const told = journal.lines.reverse().map((line) =>
    row([element("td", time.format(line.time * 1000)), element("td", `${line.program}: ${line.text}`)], line.severity),
  );
  at("journal").replaceChildren(...told);
}

async function refresh() {
  const trouble = at("trouble");
  try {
    const [status, journal] = await Promise.all([get("/api/status"), get(`/api/journal?max=${LINES}`)]);
    show(status, journal);
    trouble.hidden = true;
  } catch (error) {
    trouble.textContent = words[language].lost(error.message);
    trouble.hidden = false;
  }
}

function speak(chosen) {
  language = chosen;
  localStorage.setItem("language", chosen);
  document.documentElement.lang = chosen;
  for (const place of document.querySelectorAll("[data-word]")) place.textContent = words[chosen][place.dataset.word];
  for (const id of ["ru", "en"]) at(id).setAttribute("aria-pressed", String(id === chosen));
}

for (const id of ["ru", "en"]) {
  at(id).addEventListener("click", () => {
    speak(id);
    refresh();
  });
}
speak(language);
await refresh();
setInterval(refresh, PERIOD);
