// The start page (A1-A24): what runs and why, the way to do something about it, today's counters, the graph, the feed and the
// newest lines of the journal as they come.

import { html, useEffect, useState } from "./lib.js";
import { Icon } from "./icons.js";
import { Badge, Button, Card, Confirm, Empty, Failure, LinkButton, Loading, Meter, Notice, rich, sentence, useLoad } from "./ui.js";
import { Head } from "./shell.js";
import { Lines } from "./lines.js";
import { Graph } from "./graph.js";
import { serviceLines } from "./services.js";
import { boardName } from "./board.js";
import { follow } from "./events.js";
import { duration, hour, said, size, t } from "./words.js";
import { mayChange, notify } from "./state.js";
import { link } from "./route.js";
import { at, get, quiet } from "./api.js";

const PERIOD = 10000;
const TAIL = 30;
const FEED = 30;

export function Start() {
  const status = useLoad("start");
  const tail = useTail();
  useEffect(() => {
    const timer = setInterval(() => document.hidden || status.refresh(), PERIOD);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => follow((kind) => kind === "status" && status.refresh()), []);
  const data = status.data;
  const server = data?.lines.find((line) => line.id === "server");
  const since = server?.since ? t("running_for", duration(Math.max(0, data.time - server.since))) : "";
  const lead = data && [data.server_name, `Gatepost ${data.version}`, since].filter(Boolean).join(" · ");
  return html`<${Head} title=${data ? html`${t("mail_server")} <span class=${server?.on === false ? "state-word off" : "state-word"}>${t(server?.on === false ? "off_m" : "on_m")}</span>` : t("mail_server")} name=${t("start_page")} lead=${lead} />
    <${Failure} error=${status.error} retry=${status.reload} />
    ${!data && !status.error && html`<${Loading} />`}
    ${data &&
    html`<${Troubles} list=${data.trouble} />
      <div class="dash">
        <div class="stack">
          <${Services} status=${data} reload=${status.reload} />
          <${Graph} />
        </div>
        <div class="stack">
          <${Actions} />
          <${Today} today=${data.today} />
          <${Disk} disk=${data.disk} />
        </div>
        <${Feed} />
        <${Tail} tail=${tail} />
      </div>`}`;
}

function Troubles({ list }) {
  if (list.length === 0) return null;
  return html`<section class="stack tight" aria-label=${t("attention")}>
    ${list.map((one) => html`<${Notice} key=${one.service} kind=${one.light === "red" ? "bad" : "warn"}><p><b>${boardName(one.service)}.</b> ${sentence(said({ en: one.text, ru: one.text_ru }))}</p><//>`)}
  </section>`;
}

function Services({ status, reload }) {
  return html`<${Card} title=${t("services")} class="flush services">
    <ul class="rows">${serviceLines(status).map((line) => html`<${Service} key=${line.id} line=${line} reload=${reload} />`)}</ul>
  <//>`;
}

function Service({ line, reload }) {
  return html`<li class=${`service ${line.light}`}>
    <span class="lamp" aria-hidden="true"></span>
    <div class="service-text"><span>${rich(line.text)}</span>${line.why && html`<span class="soft second">${line.why}</span>`}</div>
    ${line.href && html`<a class="button small" href=${line.href}>${t("open")}</a>`}
    ${mayChange() && line.switches.map((one) => html`<${Switch} key=${one.name} one=${one} alone=${line.switches.length === 1} reload=${reload} />`)}
  </li>`;
}

// The button offers the opposite of what is (A23). Switching off asks first.
function Switch({ one, alone, reload }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    try {
      const { not_applied: failed = [] } = await one.send();
      notify(failed.length ? t("some_not_applied") : t(one.on ? "switched_off" : "switched_on", one.name), failed.length ? "bad" : "good");
      setAsking(false);
    } finally {
      setBusy(false);
      reload();
    }
  };
  const begin = () => (one.on ? setAsking(true) : send().catch((error) => notify(sentence(said(error.what)), "bad")));
  const word = t(one.on ? "disable" : "enable");
  return html`<${Button} small busy=${busy} onClick=${begin} aria-label=${t(one.on ? "disable_x" : "enable_x", one.name)}>${alone ? word : `${word} ${one.name}`}<//>
    ${asking && html`<${Confirm} title=${t("disable_q", one.name)} word=${t("disable")} close=${() => setAsking(false)} send=${send}><p>${one.warning}</p><//>`}`;
}

function Actions() {
  const list = [
    ["plus", "add_mailbox", link(["mail"], { add: "mailbox" })],
    ["mail", "domains_and_mailboxes", link(["mail"])],
    ["settings", "settings", link(["settings"])],
    ["journal", "journal", link(["journal"])],
  ];
  return html`<${Card} title=${t("actions")} class="flush">
    <ul class="rows links">${list.map(([icon, word, to]) => html`<li><a href=${to}><${Icon} name=${icon} /><span>${t(word)}</span><${Icon} name="right" size="16" /></a></li>`)}</ul>
  <//>`;
}

function Today({ today }) {
  if (!today) return null;
  const lines = ["received", "sent", "spam", "viruses"].filter((kind) => today[kind] !== undefined).map((kind) => t(`${kind}_n`, today[kind]));
  return html`<${Card} title=${t("today")}>
    <ul class="counters">${lines.map((line) => html`<li><span>${rich(line)}</span></li>`)}</ul>
  <//>`;
}

function Disk({ disk }) {
  return html`<${Card} title=${t("mail_disk")}>
    ${disk.error
      ? html`<p class="error-text">${said(disk.error)}</p>`
      : html`<p class="figure"><b>${size(disk.free)}</b> <span class="soft">${t("free_of", size(disk.size ?? disk.free))}</span></p>
          <${Meter} value=${(disk.size ?? disk.free) - disk.free} max=${disk.size} label=${t("mail_disk")} text=${t("free_x_of_y", size(disk.free), size(disk.size ?? disk.free))} />
          ${disk.short && html`<p class="error-text">${t("disk_short", size(disk.reserve))}</p>`}`}
  <//>`;
}

// The newest lines, and what comes.
function useTail() {
  const [lines, setLines] = useState(null);
  const [state, setState] = useState("open");
  useEffect(() => {
    let over = false;
    const fetchAll = () =>
      get(quiet(at(["journal"], { max: TAIL }))).then(
        (answer) => over || setLines(answer.lines.reverse()),
        () => {},
      );
    fetchAll();
    const stop = follow((kind, line) => {
      if (kind === "line") setLines((old) => (old?.some((one) => one.number === line.number) ? old : [line, ...(old ?? [])].slice(0, TAIL)));
      if (kind === "open" || kind === "gap") fetchAll();
      if (kind === "open" || kind === "lost") setState(kind);
    });
    return () => {
      over = true;
      stop();
    };
  }, []);
  return { lines, state };
}

function Live({ state }) {
  return state === "lost" ? html`<span class="live lost" role="status">${t("live_lost")}</span>` : html`<span class="live">${t("live")}</span>`;
}

function Tail({ tail }) {
  const tools = html`<${Live} state=${tail.state} /><a href="#/journal">${t("whole_journal")}</a>`;
  return html`<${Card} title=${t("journal_tail")} tools=${tools} class="flush wide">
    ${!tail.lines ? html`<${Loading} />` : tail.lines.length === 0 ? html`<${Empty} icon="journal" title=${t("no_lines")} />` : html`<${Lines} lines=${tail.lines} caption=${t("journal_tail")} />`}
  <//>`;
}

function Feed() {
  const [rows, setRows] = useState(null);
  const [gone, setGone] = useState(false);
  useEffect(() => {
    let over = false;
    const fetchAll = () => get(quiet(at(["feed"], { max: FEED }))).then((answer) => over || setRows(answer.feed), (error) => over || (error.status === 404 && setGone(true)));
    fetchAll();
    const stop = follow((kind, row) => {
      if (kind === "feed") setRows((old) => [row, ...(old ?? [])].slice(0, FEED));
      if (kind === "open" || kind === "gap") fetchAll();
    });
    return () => {
      over = true;
      stop();
    };
  }, []);
  if (gone) return null;
  return html`<${Card} title=${t("feed")} class="flush wide">
    ${!rows
      ? html`<${Loading} />`
      : rows.length === 0
        ? html`<${Empty} icon="mail" title=${t("no_feed")}>${t("no_feed_todo")}<//>`
        : html`<div class="scroll feed" tabindex="0" role="region" aria-label=${t("feed")}><table class="table">
            <thead><tr><th scope="col">${t("time")}</th><th scope="col">${t("from")}</th><th scope="col">${t("to")}</th></tr></thead>
            <tbody>${rows.map((row) => html`<tr key=${row.id ?? `${row.time}${row.from}${row.to}`}><td class="time">${hour(row.time)}</td><td class="from">${row.from || "<>"}</td><td class="to">${row.to}${row.more > 0 && html` <${Badge}>${t("and_more", row.more)}<//>`}</td></tr>`)}</tbody>
          </table></div>`}
  <//>`;
}
