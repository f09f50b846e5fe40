// One mailbox: making it, changing it, removing it (G5, G6).

import { html, useId, useState } from "./lib.js";
import { Button, Check, Confirm, CopyButton, Dialog, Failure, Field, FormDialog, Loading, Notice, PasswordField, Select, TextField, useLoad } from "./ui.js";
import { Usage } from "./mail.js";
import { number, said, t } from "./words.js";
import { mayChange, notify } from "./state.js";
import { at, post, put, remove } from "./api.js";

const UNITS = [["1048576", "MB"], ["1073741824", "GB"]];

// What a setting says now; `otherwise` until it is known or if one may not see it.
export function useSetting(key, otherwise) {
  const { data } = useLoad("settings");
  return data?.settings.find((one) => one.key === key)?.value ?? otherwise;
}

// A quota as a number and a unit; empty is no quota.
function quotaText(octets) {
  if (octets === null || octets === undefined) return { text: "", unit: UNITS[1][0] };
  const unit = octets % 1073741824 === 0 ? UNITS[1][0] : UNITS[0][0];
  return { text: String(octets / Number(unit)), unit };
}

// Octets, null for none, NaN for what is no number.
function quotaOctets({ text, unit }) {
  if (!text.trim()) return null;
  const value = Number(text.trim().replace(",", "."));
  return value > 0 ? Math.round(value * Number(unit)) : Number.NaN;
}

function Quota({ quota, change, error }) {
  const wrong = Number.isNaN(quotaOctets(quota)) ? t("quota_wrong") : error;
  return html`<${Field} label=${t("quota")} hint=${t("optional")} help=${t("quota_help")} name="quota" error=${wrong}>
    ${(given) => html`<div class="with-button">
      <input ...${given} inputmode="decimal" value=${quota.text} placeholder=${t("no_quota")} autocomplete="off" onInput=${(e) => change({ ...quota, text: e.target.value })} />
      <${Select} aria-label=${t("unit")} value=${quota.unit} change=${(unit) => change({ ...quota, unit })} options=${UNITS.map(([key, word]) => [key, t(word)])} />
    </div>`}
  <//>`;
}

// `local@`, and the domain picked from those that exist.
export function AddressField({ label, local, domain, names, change, error, help }) {
  const id = useId();
  return html`<${Field} label=${label} error=${error} name="address" help=${help}>
    ${(given) => html`<div class="address">
      <input ...${given} value=${local} autocomplete="off" autocapitalize="none" spellcheck="false" data-first onInput=${(e) => change(e.target.value, domain)} />
      <span aria-hidden="true">@</span>
      ${names.length > 20
        ? html`<input aria-label=${t("mail_domain")} list=${id} value=${domain} onInput=${(e) => change(local, e.target.value)} /><datalist id=${id}>${names.map((one) => html`<option value=${one} />`)}</datalist>`
        : html`<${Select} aria-label=${t("mail_domain")} value=${domain} change=${(to) => change(local, to)} options=${names.map((one) => [one, one])} />`}
    </div>`}
  <//>`;
}

export function AddMailbox({ close, done, changed, names, chosen }) {
  const [[local, domain], setAddress] = useState(["", chosen || names[0]]);
  const [password, setPassword] = useState("");
  const [owner, setOwner] = useState("");
  const [quota, setQuota] = useState(quotaText(null));
  const [made, setMade] = useState(null);
  const plus = useSetting("mailbox.plus", "+");
  const least = useSetting("login.password_min", 8);
  const send = async () => {
    const one = await post("mailboxes", { address: `${local.trim()}@${domain}`, password, owner: owner.trim(), quota: quotaOctets(quota) });
    changed();
    setMade(one.address);
  };
  if (made) return html`<${Made} address=${made} password=${password} close=${done} />`;
  const ready = local.trim() !== "" && password !== "" && !Number.isNaN(quotaOctets(quota));
  return html`<${FormDialog} title=${t("new_mailbox")} close=${close} send=${send} word=${t("add")} ready=${ready} known=${["address", "password", "quota", "owner"]}>
    ${(wrong) => html`
      <${AddressField} label=${t("mailbox_name")} local=${local} domain=${domain} names=${names} error=${wrong("address")}
        help=${plus && local.trim() ? t("plus_hint", local.trim(), plus, domain) : undefined}
        change=${(name, at) => (name.includes("@") && names.includes(name.split("@")[1]) ? setAddress(name.split("@")) : setAddress([name, at]))} />
      <${PasswordField} label=${t("password")} value=${password} change=${setPassword} least=${least} error=${wrong("password")} />
      <${TextField} label=${t("owner")} hint=${t("optional")} help=${t("owner_help")} name="owner" value=${owner} change=${setOwner} error=${wrong("owner")} autocomplete="off" />
      <${Quota} quota=${quota} change=${setQuota} error=${wrong("quota")} />`}
  <//>`;
}

// After it was made: what its user needs to set up a mail program (G10).
function Made({ address, password, close }) {
  const { data } = useLoad("status");
  const ports = data?.ports ?? {};
  const incoming = [ports.imaps && `IMAP SSL ${ports.imaps}`, ports.pop3s && `POP3 SSL ${ports.pop3s}`].filter(Boolean).join(", ");
  const lines = [
    [t("address"), address],
    [t("login"), address],
    [t("password"), password],
    [t("server"), data?.server_name ?? ""],
    [t("incoming"), incoming],
    [t("outgoing"), [ports.smtps && `SMTP SSL ${ports.smtps}`, ports.submission && `STARTTLS ${ports.submission}`].filter(Boolean).join(", ")],
  ].filter(([, value]) => value);
  const text = lines.map(([name, value]) => `${name}: ${value}`).join("\n");
  return html`<${Dialog} title=${t("mailbox_made")} close=${close} foot=${html`<${CopyButton} text=${text} label=${t("copy_all")} /><${Button} kind="main" onClick=${close} data-first>${t("done")}<//>`}>
    <p>${t("mailbox_made_lead")}</p>
    <dl class="facts">${lines.map(([name, value]) => html`<div><dt>${name}</dt><dd class="mono">${value}</dd></div>`)}</dl>
  <//>`;
}

export function EditMailbox({ address, close, done, changed }) {
  const { data, error, reload } = useLoad(at(["mailboxes", address]));
  const [removing, setRemoving] = useState(false);
  if (!data) {
    return html`<${Dialog} title=${address} close=${close} foot=${html`<${Button} onClick=${close}>${t("close")}<//>`}>
      ${error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`}
    <//>`;
  }
  if (removing) return html`<${RemoveMailbox} one=${data} close=${() => setRemoving(false)} done=${done} />`;
  return html`<${Edit} one=${data} close=${close} done=${done} changed=${changed} ask=${() => setRemoving(true)} />`;
}

function Edit({ one, close, done, ask }) {
  const [owner, setOwner] = useState(one.owner);
  const [enabled, setEnabled] = useState(one.enabled);
  const [quota, setQuota] = useState(quotaText(one.quota));
  const [password, setPassword] = useState("");
  const least = useSetting("login.password_min", 8);
  const octets = quotaOctets(quota);
  const change = {};
  if (owner.trim() !== one.owner) change.owner = owner.trim();
  if (enabled !== one.enabled) change.enabled = enabled;
  if (octets !== one.quota) change.quota = octets;
  if (password) change.password = password;
  const ready = mayChange() && Object.keys(change).length > 0 && !Number.isNaN(octets);
  const send = async () => {
    await put(at(["mailboxes", one.address]), change);
    notify(t("saved_x", one.address));
    done();
  };
  return html`<${FormDialog} title=${one.address} close=${close} send=${send} word=${t("save")} ready=${ready} known=${["password", "quota", "owner"]}>
    ${(wrong) => html`
      <div class="usage-line"><${Usage} one=${one} /><span class="soft">${one.messages === null ? "" : t("n_messages", one.messages)}</span></div>
      <${Check} label=${t("mailbox_on")} help=${t("mailbox_on_help")} checked=${enabled} change=${setEnabled} disabled=${!mayChange()} />
      <${TextField} label=${t("owner")} hint=${t("optional")} name="owner" value=${owner} change=${setOwner} error=${wrong("owner")} autocomplete="off" />
      <${Quota} quota=${quota} change=${setQuota} error=${wrong("quota")} />
      <${PasswordField} label=${t("new_password")} help=${t("new_password_help", least)} value=${password} change=${setPassword} error=${wrong("password")} />
      <${Folders} address=${one.address} />
      ${mayChange() && html`<div class="danger-zone"><${Button} kind="danger-quiet" icon="trash" onClick=${ask}>${t("remove_mailbox")}<//></div>`}`}
  <//>`;
}

function Folders({ address }) {
  const { data, error } = useLoad(at(["mailboxes", address, "folders"]));
  if (error) return html`<p class="soft">${t("folders")}: ${said(error.what)}</p>`;
  if (!data) return null;
  return html`<details class="more"><summary>${t("n_folders", data.folders.length)}</summary>
    <ul class="plain-list">${data.folders.map((one) => html`<li>${one.name} ${one.use && one.use !== one.name && html`<span class="soft">${one.use}</span>`}</li>`)}</ul>
  </details>`;
}

function RemoveMailbox({ one, close, done }) {
  const send = async () => {
    await remove(at(["mailboxes", one.address]));
    notify(t("removed_x", one.address));
    done();
  };
  return html`<${Confirm} title=${t("remove_mailbox_q")} word=${t("remove")} close=${close} send=${send} typed=${one.messages ? one.address : undefined}>
    <p>${t("remove_mailbox_text", one.address)}</p>
    ${one.messages > 0 && html`<${Notice} kind="bad">${t("remove_mailbox_mail", one.messages, number(one.messages))}<//>`}
  <//>`;
}
