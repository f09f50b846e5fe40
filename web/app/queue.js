// The mail queue (K1-K5): what waits to be sent, why and until when, and what an administrator does with it.

import { html, useEffect, useRef, useState } from "./lib.js";
import { Badge, Button, Check, Choice, Confirm, Dialog, Empty, Failure, Loading, SearchBox, useLoad, useSettled } from "./ui.js";
import { Head } from "./shell.js";
import { Encryption } from "./encryption.js";
import { Menu } from "./menu.js";
import { follow } from "./events.js";
import { duration, number, said, size, t, when } from "./words.js";
import { mayChange, notify } from "./state.js";
import { link, route, turn } from "./route.js";
import { at, post } from "./api.js";

const PER_PAGE = 100;
const STATES = ["", "new", "deferred", "held"];
// Lines of these programs say that something in the queue may have changed.
const TELLING = /\/(cleanup|qmgr|smtp|bounce|lmtp)$|^gatepost/;
const GATHER = 1000;

export function Queue() {
  const { query } = route();
  const state = STATES.includes(query.state) ? query.state : "";
  const [typed, setTyped] = useState(query.search ?? "");
  const search = useSettled(typed, 400);
  useEffect(() => {
    if (search !== (query.search ?? "")) turn({ search: search || undefined, behind: undefined }, { replace: true });
  }, [search]);
  const filter = { search: query.search, state };
  const found = useLoad(at(["queue"], { ...filter, order: "down", behind: query.behind, max: PER_PAGE }));
  useLive(found);
  const data = found.data;
  const asked = Boolean(query.search || state);
  return html`<${Head} title=${t("board_queue")} lead=${data && facts(data)} tools=${html`<${All} filter=${filter} asked=${asked} data=${data} done=${found.reload} />`} />
    <section class="card flush" aria-label=${t("board_queue")}>
      <div class="list-tools">
        <${Choice} label=${t("state")} value=${state} change=${(to) => turn({ state: to || undefined, behind: undefined })} options=${STATES.map((one) => [one, t(`queue_is_${one || "all"}`)])} />
        <${SearchBox} value=${typed} change=${setTyped} label=${t("search_queue")} placeholder=${t("search")} />
      </div>
      <${Failure} error=${found.error} retry=${found.reload} />
      ${!data && !found.error && html`<${Loading} />`}
      ${data && html`<${Found} data=${data} asked=${asked} behind=${query.behind} />`}
    </section>
    <${Encryption} />
    ${query.row && html`<${One} key=${query.row} row=${query.row} done=${found.reload} />`}`;
}

function facts({ total, held, next_try }) {
  if (total === 0) return undefined;
  return [t("n_recipients_wait", total), held > 0 && t("n_held", held), next_try && t("next_at", when(next_try))].filter(Boolean).join(" · ");
}

// The list follows what the server tells, gathered, so that a busy queue is asked once a second at most.
function useLive(found) {
  const refresh = useRef(found.refresh);
  refresh.current = found.refresh;
  useEffect(() => {
    let timer = 0;
    const soon = () => {
      timer ||= setTimeout(() => {
        timer = 0;
        refresh.current();
      }, GATHER);
    };
    const stop = follow((kind, line) => {
      if (kind === "gap" || kind === "open" || (kind === "line" && TELLING.test(line.program))) soon();
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, []);
}

function doneWords(what, { changed, told = 0 }) {
  return [t(`n_queue_${what}`, changed), told > 0 && t("n_told", told)].filter(Boolean).join("; ");
}

// K3, K4: all of it, or all that was looked for.
function All({ filter, asked, data, done }) {
  const [clearing, setClearing] = useState(false);
  const [tell, setTell] = useState(false);
  const body = { filter: Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) };
  const act = async (what, more = {}) => {
    try {
      notify(doneWords(what, await post(`queue/${what}`, { ...body, ...more })));
    } catch (error) {
      notify(said(error.what), "bad");
    }
    done();
  };
  const clear = async () => {
    await act("delete", { tell });
    setClearing(false);
  };
  const nothing = !mayChange() || !data || data.total === 0;
  const items = [
    ["queue", asked ? t("hold_found") : t("hold_all"), () => act("hold")],
    ["right", asked ? t("release_found") : t("release_all"), () => act("release")],
    ["trash", asked ? t("clear_found") : t("clear_queue"), () => (setTell(false), setClearing(true)), "danger"],
  ];
  return html`<${Button} kind="main" icon="upload" disabled=${nothing} onClick=${() => act("send")}>${asked ? t("send_found") : t("send_all")}<//>
    <${Menu} icon="menu" word=${t("more")} disabled=${nothing} items=${items} />
    ${clearing &&
    html`<${Confirm} title=${asked ? t("clear_found_q") : t("clear_queue_q")} word=${t("remove")} close=${() => setClearing(false)} send=${clear}>
      <p>${t("clear_queue_text")}</p>
      <${Check} label=${t("tell_senders")} help=${t("tell_sender_help")} checked=${tell} change=${setTell} /><//>`}`;
}

function Found({ data, asked, behind }) {
  if (data.rows.length === 0) {
    if (asked || behind) return html`<${Empty} icon="search" title=${t("queue_nothing_found")}>${t("nothing_found_todo")}<//>`;
    return html`<${Empty} icon="check" title=${t("queue_empty")}>${t("queue_empty_text")}<//>`;
  }
  return html`<ul class="rows links queue">${data.rows.map((row) => html`<${Row} key=${row.row} row=${row} />`)}</ul>
    ${(data.next !== null || behind) &&
    html`<div class="list-foot">
      ${behind && html`<a href=${link(["queue"], { ...route().query, behind: undefined })}>${t("to_the_newest")}</a>`}
      ${data.next !== null && html`<a href=${link(["queue"], { ...route().query, behind: data.next })}>${t("older_rows")}</a>`}
    </div>`}`;
}

const KIND = { new: "plain", deferred: "warn", held: "accent" };

function answer(last) {
  return [last.code || "", last.status, last.text].filter(Boolean).join(" ");
}

function Row({ row }) {
  return html`<li><a href=${link(["queue"], { ...route().query, row: row.row })}>
    <span>
      <span class="strong">${row.recipient}</span> <${Badge} kind=${KIND[row.state]}>${t(`row_is_${row.state}`)}<//>
      <span class="soft second">${t("from_x", row.sender || t("null_sender"))} · ${size(row.size)} · ${t("waits", age(row))} · ${t("n_tries", row.tries)}</span>
      ${row.last && html`<span class="second why">${answer(row.last)}</span>`}
    </span>
    ${row.state !== "held" && html`<span class="soft next-try">${t("next_try")}:<br /> ${when(row.next_try)}</span>`}
  </a></li>`;
}

const age = (row) => duration(Math.max(0, Date.now() / 1000 - row.since));

// K2, K5: one recipient.
function One({ row, done }) {
  const { data, error, reload } = useLoad(at(["queue", row]));
  const [asking, setAsking] = useState(false);
  const [tell, setTell] = useState(false);
  const [failed, setFailed] = useState(null);
  const close = () => turn({ row: undefined }, { replace: true });
  const act = async (what, more = {}) => {
    setFailed(null);
    try {
      notify(doneWords(what, await post(`queue/${what}`, { rows: [data.row], ...more })));
      done();
      if (what === "delete") close();
      else reload();
    } catch (trouble) {
      setFailed(trouble);
    }
  };
  if (asking) {
    return html`<${Confirm} title=${t("delete_row_q")} word=${t("remove")} close=${() => setAsking(false)} send=${() => act("delete", { tell })}>
      <p>${t("delete_row_text", data.recipient)}</p>
      ${data.sender && html`<${Check} label=${t("tell_sender")} help=${t("tell_sender_help")} checked=${tell} change=${setTell} />`}<//>`;
  }
  const held = data?.state === "held";
  const able = mayChange() && data;
  const foot = html`<${Button} kind="danger-quiet" icon="trash" disabled=${!able} onClick=${() => setAsking(true)}>${t("remove")}<//>
    <${Button} icon="queue" disabled=${!able} onClick=${() => act(held ? "release" : "hold")}>${held ? t("release_row") : t("hold_row")}<//>
    <${Button} kind="main" icon="upload" disabled=${!able || held} onClick=${() => act("send")}>${t("send_row")}<//>`;
  return html`<${Dialog} wide title=${data?.recipient ?? t("board_queue")} close=${close} foot=${foot}>
    <${Failure} error=${error ?? failed} retry=${error && reload} />
    ${!data && !error && html`<${Loading} />`}
    ${data && html`<${Facts} row=${data} />`}
  <//>`;
}

function Facts({ row }) {
  const { last } = row;
  const facts = [
    [t("state"), t(`row_is_${row.state}`)],
    [t("sender"), row.sender || t("null_sender")],
    [t("recipient"), row.recipient],
    row.original && [t("sent_to"), row.original],
    [t("mail_message"), html`<a class="mono" href=${link(["journal"], { search: row.message })}>${row.message}</a>`],
    [t("size"), size(row.size)],
    [t("in_queue_since"), `${when(row.since)} (${age(row)})`],
    [t("tries"), number(row.tries)],
    row.state !== "held" && [t("next_try"), when(row.next_try)],
  ].filter(Boolean);
  return html`<div class="stack">
    ${last ? html`<${Last} last=${last} />` : html`<p class="soft">${t("not_tried")}</p>`}
    <dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${row.dialogue && html`<${Dialogue} said=${row.dialogue} />`}
    ${row.head !== null &&
    html`<details><summary>${t("message_head")}</summary><pre class="mono small head-text" tabindex="0" aria-label=${t("message_head")}>${row.head}</pre></details>`}
  </div>`;
}

// What was said at the last attempt: C is this server, S the other one.
function Dialogue({ said: { began, lines } }) {
  const text = lines.map((line) => `${(line.after_ms / 1000).toFixed(2).padStart(7)} ${line.who} ${line.text}`).join("\n");
  return html`<details><summary>${t("dialogue")} (${when(began)})</summary><pre class="mono small head-text" tabindex="0" aria-label=${t("dialogue")}>${text}</pre></details>`;
}

// The answer word for word, and what it means.
function Last({ last }) {
  const code = [last.code || t("no_answer"), last.status].filter(Boolean).join(" · ");
  return html`<section class="notice warn last-answer" aria-label=${t("last_answer")}>
    <div>
      <p class="strong">${t("error_code")}: ${code}</p>
      <p class="why">${last.text}</p>
      ${last.advice && html`<p>${said(last.advice.what)}</p><p>${said(last.advice.todo)}</p>`}
      <p class="soft">${[last.peer, when(last.at)].filter(Boolean).join(" · ")}</p>
    </div>
  </section>`;
}
