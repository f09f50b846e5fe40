// What the zone of a domain should have, beside what it has (G9), and its DKIM keys (G3, G4). Loaded when it is opened: the server
// asks name servers.

import { html, useState } from "./lib.js";
import { Badge, Button, CopyButton, Failure, Loading, Notice, useLoad } from "./ui.js";
import { said, t } from "./words.js";
import { mayChange, notify } from "./state.js";
import { at, post, put, remove } from "./api.js";

const KINDS = { good: "good", bad: "bad", weak: "warn", optional: "plain", unknown: "warn" };

export function Zone({ name }) {
  const [open, setOpen] = useState(false);
  return html`<details class="more" onToggle=${(event) => setOpen(event.target.open)}>
    <summary>${t("dns_setup")}</summary>
    ${open && html`<${Records} name=${name} />`}
  </details>`;
}

function Records({ name }) {
  const zone = useLoad(at(["domains", name, "dns"]));
  const { data, error, reload } = zone;
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  const lines = data.records.filter((row) => row.zone).map((row) => row.zone).join("\n");
  return html`<p class="soft">${t("dns_lead")}</p>
    <ul class="records">${data.records.map((row) => html`<${Record} key=${`${row.what} ${row.name}`} row=${row} />`)}</ul>
    <div class="tools"><${CopyButton} text=${lines} label=${t("copy_all")} /><${Button} small busy=${zone.loading} onClick=${reload}>${t("dns_again")}<//></div>
    <p class="soft">${t("dns_ptr", data.server)}</p>
    <${Keys} name=${name} changed=${reload} />`;
}

// Its name and how it stands, then what it should be; what it is only where that is something else.
function Record({ row }) {
  const same = row.state === "good" && row.what !== "address";
  return html`<li>
    <p class="record-head"><b>${row.name}</b> <span class="soft">${row.type}</span> <${Badge} kind=${KINDS[row.state]}>${said(row.why_words ?? row.why)}<//></p>
    ${row.wanted && !same && html`<p class="record"><span class="soft">${t("dns_wanted")}:</span> <code>${row.wanted}</code></p>`}
    ${row.found.map((one) => html`<p class="record"><span class="soft">${t("dns_found")}:</span> <code>${one}</code></p>`)}
  </li>`;
}

function Keys({ name, changed }) {
  const path = at(["domains", name, "dkim"]);
  const { data, reload } = useLoad(path);
  const [trouble, setTrouble] = useState(null);
  if (!data) return null;
  const has = (stage) => data.keys.some((key) => key.stage === stage);
  const act = (ask, word) => async () => {
    try {
      await ask();
      setTrouble(null);
      notify(word);
      reload();
      changed();
    } catch (error) {
      setTrouble(error);
    }
  };
  const drop = (selector) => act(() => remove(at(["domains", name, "dkim", selector])), t("removed_x", selector));
  return html`<h3>${t("dkim_keys")}</h3>
    ${!data.signs && html`<${Notice} kind="warn">${t("dkim_off")}<//>`}
    ${trouble && html`<${Failure} error=${trouble} />`}
    <ul class="plain-list">${data.keys.map((key) => html`<li key=${key.selector}>
      <b>${key.selector}</b> <${Badge} kind=${key.stage === "signing" ? "good" : "plain"}>${t(`dkim_${key.stage}`)}<//>
      ${key.stage !== "signing" && mayChange() && html` <${Button} icon="trash" small kind="danger-quiet" aria-label=${`${t("remove")} ${key.selector}`} onClick=${drop(key.selector)} />`}
    </li>`)}</ul>
    ${mayChange() &&
    (has("next")
      ? html`<p class="soft">${t("dkim_use_lead")}</p><${Button} small onClick=${act(() => put(path, {}), t("dkim_used"))}>${t("dkim_use")}<//>`
      : html`<p class="soft">${t("dkim_make_lead")}</p><${Button} small onClick=${act(() => post(path, {}), t("dkim_made"))}>${t("dkim_make")}<//>`)}`;
}
