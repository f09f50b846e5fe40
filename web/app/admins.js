// Administrators and tokens: who may change things, who may only look, which programs have a key.

import { html, useState } from "./lib.js";
import { Badge, Button, Card, Check, Choice, Confirm, CopyButton, Dialog, Empty, Failure, Field, FormDialog, Loading, Notice, PasswordField, Select, TextField, useLoad } from "./ui.js";
import { Head } from "./shell.js";
import { useSetting } from "./mailbox.js";
import { Tokens } from "./tokens.js";
import { t, when } from "./words.js";
import { mayChange, notify, shared } from "./state.js";
import { route, turn } from "./route.js";
import { at, post, put, remove } from "./api.js";

export function Admins() {
  const { query } = route();
  const { data, error, reload } = useLoad("admins");
  const list = data?.admins ?? [];
  const close = () => turn({ add: undefined, edit: undefined, remove: undefined }, { replace: true });
  const done = () => {
    reload();
    close();
  };
  const tools = html`<${Button} kind="main" icon="plus" disabled=${!mayChange()} onClick=${() => turn({ add: "admin" })}>${t("add_admin")}<//>`;
  const one = (name) => list.find((admin) => admin.name === name);
  return html`<${Head} title=${t("administrators")} lead=${t("administrators_lead")} tools=${tools} />
    <${Failure} error=${error} retry=${reload} />
    ${!data && !error && html`<${Loading} />`}
    ${data &&
    html`<section class="card flush" aria-label=${t("administrators")}>
      ${list.length === 0
        ? html`<${Empty} icon="people" title=${t("no_admins")}>${t("no_admins_todo")}<//>`
        : html`<ul class="rows">${list.map((admin) => html`<${Row} key=${admin.name} admin=${admin} />`)}</ul>`}
    </section>`}
    <${Tokens} />
    ${query.add === "admin" && html`<${Add} close=${close} done=${done} />`}
    ${one(query.edit) && html`<${Edit} key=${query.edit} admin=${one(query.edit)} close=${close} done=${done} />`}
    ${one(query.remove) && html`<${Remove} admin=${one(query.remove)} close=${close} done=${done} />`}`;
}

function Row({ admin }) {
  return html`<li>
    <div><span class="strong">${admin.name}</span> ${admin.name === shared.session?.name && html`<${Badge} kind="accent">${t("you")}<//>`}
      <span class="soft second">${admin.read_only ? t("role_read_only") : t("role_full")}</span></div>
    ${mayChange() &&
    html`<div class="tools">
      <${Button} small icon="edit" onClick=${() => turn({ edit: admin.name })} aria-label=${t("change_x", admin.name)}>${t("change")}<//>
      <${Button} small kind="danger-quiet" icon="trash" aria-label=${t("remove_entry", admin.name)} onClick=${() => turn({ remove: admin.name })}>${t("remove")}<//>
    </div>`}
  </li>`;
}

function Role({ readOnly, change }) {
  return html`<fieldset class="field roles"><legend>${t("role")}</legend>
    ${[[false, "role_full", "role_full_help"], [true, "role_read_only", "role_read_only_help"]].map(
      ([value, word, help]) => html`<label class="radio"><input type="radio" name="role" checked=${readOnly === value} onChange=${() => change(value)} />
        <span><span>${t(word)}</span><span class="soft second">${t(help)}</span></span></label>`,
    )}
  </fieldset>`;
}

function Add({ close, done }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [readOnly, setReadOnly] = useState(false);
  const least = useSetting("login.password_min", 8);
  const send = async () => {
    await post("admins", { name: name.trim(), password, read_only: readOnly });
    notify(t("added_x", name.trim()));
    done();
  };
  return html`<${FormDialog} title=${t("new_admin")} close=${close} send=${send} word=${t("add")} ready=${name.trim() !== "" && password !== ""} known=${["name", "password"]}>
    ${(wrong) => html`<${TextField} label=${t("login")} name="name" value=${name} change=${setName} error=${wrong("name")} autocomplete="off" autocapitalize="none" spellcheck="false" data-first />
      <${PasswordField} label=${t("password")} value=${password} change=${setPassword} least=${least} error=${wrong("password")} />
      <${Role} readOnly=${readOnly} change=${setReadOnly} />`}
  <//>`;
}

function Edit({ admin, close, done }) {
  const [password, setPassword] = useState("");
  const [readOnly, setReadOnly] = useState(admin.read_only);
  const least = useSetting("login.password_min", 8);
  const change = {};
  if (password) change.password = password;
  if (readOnly !== admin.read_only) change.read_only = readOnly;
  const send = async () => {
    await put(at(["admins", admin.name]), change);
    notify(t("saved_x", admin.name));
    done();
  };
  return html`<${FormDialog} title=${admin.name} close=${close} send=${send} word=${t("save")} ready=${Object.keys(change).length > 0} known=${["password"]}>
    ${(wrong) => html`<${Role} readOnly=${readOnly} change=${setReadOnly} />
      <${PasswordField} label=${t("new_password")} help=${t("new_password_help", least)} value=${password} change=${setPassword} error=${wrong("password")} />`}
  <//>`;
}

function Remove({ admin, close, done }) {
  const send = async () => {
    await remove(at(["admins", admin.name]));
    notify(t("removed_x", admin.name));
    done();
  };
  return html`<${Confirm} title=${t("remove_admin_q")} word=${t("remove")} close=${close} send=${send}><p>${t("remove_admin_text", admin.name)}</p><//>`;
}
