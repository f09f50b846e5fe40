// Keys of programs (the appliance, monitoring): each with its scopes; shown once, when it is made.

import { html, useState } from "./lib.js";
import { Badge, Button, Card, Confirm, CopyButton, Dialog, Empty, FormDialog, Failure, Notice, TextField, useLoad } from "./ui.js";
import { date, has, t } from "./words.js";
import { mayChange, notify } from "./state.js";
import { at, post, remove } from "./api.js";

const AREAS = ["status", "journal", "queue", "directory", "settings", "certificates", "admins", "login"];
const WAYS = ["read", "write"];

// "journal:read" in words; a word that this page does not know is shown as it is.
function scopeWord(scope) {
  const [area, way] = scope.split(":");
  return has(`area_${area}`) && has(`scope_${way}`) ? `${t(`area_${area}`)}: ${t(`scope_${way}`).toLowerCase()}` : scope;
}

export function Tokens() {
  const { data, error, reload } = useLoad("tokens");
  const [open, setOpen] = useState(null);
  // A server without tokens, or a caller who may not see them.
  if (error && [403, 404].includes(error.status)) return null;
  const list = data?.tokens ?? [];
  const done = () => {
    setOpen(null);
    reload();
  };
  const tools = html`<${Button} icon="plus" disabled=${!mayChange()} onClick=${() => setOpen("add")}>${t("add_token")}<//>`;
  return html`<${Card} title=${t("tokens")} tools=${tools} class="flush spaced">
    <p class="soft inset">${t("tokens_lead")}</p>
    <${Failure} error=${error} retry=${reload} />
    ${list.length === 0
      ? data && html`<p class="soft inset">${t("no_tokens")}</p>`
      : html`<ul class="rows">${list.map(
          (one) => html`<li key=${one.id}><div><span class="strong">${one.name}</span>
            <span class="soft second">${[t("made_on", date(one.made)), one.made_by].filter(Boolean).join(" · ")}</span>
            <span class="badges">${one.scopes.map((scope) => html`<${Badge}>${scopeWord(scope)}<//>`)}</span></div>
            ${mayChange() && html`<${Button} small kind="danger-quiet" icon="trash" aria-label=${t("remove_entry", one.name)} onClick=${() => setOpen(one)}>${t("remove")}<//>`}</li>`,
        )}</ul>`}
    ${open === "add" && html`<${Add} close=${() => setOpen(null)} done=${done} />`}
    ${open?.name && html`<${Remove} one=${open} close=${() => setOpen(null)} done=${done} />`}
  <//>`;
}

function Add({ close, done }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState([]);
  const [made, setMade] = useState(null);
  const send = async () => setMade((await post("tokens", { name: name.trim(), scopes })).token);
  const toggle = (scope) => (on) => setScopes((old) => (on ? [...old, scope] : old.filter((one) => one !== scope)));
  if (made) {
    return html`<${Dialog} title=${t("token_made")} close=${done} foot=${html`<${CopyButton} text=${made} /><${Button} kind="main" onClick=${done}>${t("done")}<//>`}>
      <${Notice} kind="warn">${t("token_once")}<//>
      <p class="mono secret" tabindex="0" data-first>${made}</p><//>`;
  }
  return html`<${FormDialog} title=${t("new_token")} close=${close} send=${send} word=${t("add")} ready=${name.trim() !== "" && scopes.length > 0} known=${["name"]}>
    ${(wrong) => html`<${TextField} label=${t("name")} help=${t("token_name_help")} name="name" value=${name} change=${setName} error=${wrong("name")} autocomplete="off" spellcheck="false" data-first />
      <fieldset class="field scopes"><legend>${t("scopes")}</legend>
        <table><thead><tr><th scope="col"><span class="unseen">${t("scopes")}</span></th>${WAYS.map((way) => html`<th scope="col">${t(`scope_${way}`)}</th>`)}</tr></thead>
        <tbody>${AREAS.map(
          (area) => html`<tr><th scope="row">${t(`area_${area}`)}</th>${WAYS.map((way) => {
            const scope = `${area}:${way}`;
            return html`<td><input type="checkbox" aria-label=${scopeWord(scope)} checked=${scopes.includes(scope)} onChange=${(e) => toggle(scope)(e.target.checked)} /></td>`;
          })}</tr>`,
        )}</tbody></table></fieldset>`}
  <//>`;
}

function Remove({ one, close, done }) {
  const send = async () => {
    await remove(at(["tokens", one.id]));
    notify(t("removed_x", one.name));
    done();
  };
  return html`<${Confirm} title=${t("remove_token_q")} word=${t("remove")} close=${close} send=${send}><p>${t("remove_token_text", one.name)}</p><//>`;
}
