// Versions of the settings: who changed what, when and from where; what going back would change; going back.

import { html, useState } from "./lib.js";
import { Badge, Button, Confirm, Empty, Failure, Loading, Notice, useLoad } from "./ui.js";
import { words } from "./values.js";
import { spoken, t, when } from "./words.js";
import { mayChange, notify } from "./state.js";
import { route, turn } from "./route.js";
import { post } from "./api.js";

const AT_ONCE = 20;

export function History({ table, reload }) {
  const { data, error, reload: again } = useLoad("settings/versions");
  const [many, setMany] = useState(AT_ONCE);
  const back = Number(route().query.back) || null;
  if (!data) return error ? html`<${Failure} error=${error} retry=${again} />` : html`<${Loading} />`;
  const close = () => turn({ back: undefined }, { replace: true });
  const send = async () => {
    const answer = await post("settings/rollback", { rev: table.rev, to: back });
    notify(t("went_back", back));
    if (answer.not_applied?.length) notify(t("some_not_applied"), "bad");
    reload();
    again();
    close();
  };
  const list = data.versions;
  const known = list.some((one) => one.rev === back);
  return html`<div class="stack">
    ${data.damaged?.length > 0 && html`<${Notice} kind="warn">${t("damaged_versions", data.damaged.length)}<//>`}
    ${list.length === 0
      ? html`<div class="card"><${Empty} icon="history" title=${t("no_versions")}>${t("no_versions_todo")}<//></div>`
      : html`<ol class="card flush versions">${list.slice(0, many).map((one, n) => html`<${Version} key=${one.rev} one=${one} newest=${n === 0} table=${table} />`)}</ol>`}
    ${list.length > many && html`<p><${Button} onClick=${() => setMany(many + AT_ONCE)}>${t("show_older")}<//></p>`}
    ${back && known && html`<${Confirm} title=${t("go_back_q", back)} word=${t("go_back")} close=${close} send=${send}>
      <p>${t("go_back_text")}</p>
      <${Changes} changes=${undone(list, back)} table=${table} />
    <//>`}
  </div>`;
}

// What differs between now and the version `to`, from the changes of every version after it.
function undone(list, to) {
  const net = new Map();
  for (const version of list.filter((one) => one.rev > to)) {
    for (const { key, old, new: now } of version.changed) {
      if (net.has(key)) net.get(key).new = old;
      else net.set(key, { key, old: now, new: old });
    }
  }
  return [...net.values()].filter((one) => one.old !== one.new);
}

function Version({ one, newest, table }) {
  return html`<li>
    <div class="version-head">
      <span class="strong">${t("version_n", one.rev)}</span>
      ${newest && html`<${Badge} kind="good">${t("current")}<//>`}
      <span class="soft">${when(one.when)} · ${one.who}${one.from && ` · ${one.from === "socket" ? t("from_socket") : one.from}`}</span>
      ${!newest && mayChange() && html`<${Button} small icon="history" onClick=${() => turn({ back: one.rev })} aria-label=${t("go_back_q", one.rev)}>${t("go_back")}<//>`}
    </div>
    <${Changes} changes=${one.changed} table=${table} />
  </li>`;
}

function Changes({ changes, table }) {
  if (changes.length === 0) return html`<p class="soft">${t("no_difference")}</p>`;
  return html`<ul class="diff">${changes.map((change) => {
    const row = table.settings.find((one) => one.key === change.key);
    const word = (text) => (text === null ? t("default_x", row ? words(row, row.default) : "") : words(row, text));
    return html`<li><span class="diff-label">${row?.label[spoken()] ?? change.key}</span>
      <span class="diff-values"><del><span class="unseen">${t("before")}: </span>${word(change.old)}</del> <ins><span class="unseen">${t("after")}: </span>${word(change.new)}</ins></span></li>`;
  })}</ul>`;
}
