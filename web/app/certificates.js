// Certificates (E2, E3, N2): what there is, until when, which service uses it; upload, self-signed, removal.

import { html, useState } from "./lib.js";
import { Badge, Button, Card, Confirm, CopyButton, Empty, Failure, Field, FormDialog, Loading, TextField, Entries, useLoad } from "./ui.js";
import { Head } from "./shell.js";
import { date, said, t } from "./words.js";
import { mayChange, notify } from "./state.js";
import { route, turn } from "./route.js";
import { at, get, post, remove } from "./api.js";

const USES = ["tls.smtp.certificate", "tls.pop3.certificate", "tls.http.certificate"];

export function Certificates() {
  const { query } = route();
  const { data, error, reload } = useLoad("certificates");
  const settings = useLoad("settings");
  const list = data?.certificates ?? [];
  const close = () => turn({ add: undefined, remove: undefined }, { replace: true });
  const done = () => {
    reload();
    settings.reload();
    close();
  };
  const tools = html`<${Button} icon="key" disabled=${!mayChange()} onClick=${() => turn({ add: "self-signed" })}>${t("self_signed_make")}<//>
    <${Button} kind="main" icon="upload" disabled=${!mayChange()} onClick=${() => turn({ add: "upload" })}>${t("upload_certificate")}<//>`;
  const removing = list.find((one) => one.name === query.remove);
  return html`<${Head} title=${t("certificates")} lead=${t("certificates_lead")} tools=${tools} />
    <${Failure} error=${error} retry=${reload} />
    ${!data && !error && html`<${Loading} />`}
    ${data && list.length === 0 && html`<div class="card"><${Empty} icon="certificate" title=${t("no_certificates")}>${t("no_certificates_todo")}<//></div>`}
    <div class="cards">${list.map((one) => html`<${One} key=${one.name + one.source} one=${one} settings=${settings.data} done=${done} />`)}</div>
    ${query.add === "upload" && html`<${Upload} close=${close} done=${done} />`}
    ${query.add === "self-signed" && html`<${SelfSigned} close=${close} done=${done} />`}
    ${removing && html`<${Remove} one=${removing} close=${close} done=${done} />`}`;
}

function Left({ one }) {
  if (one.trouble) return html`<${Badge} kind="bad">${t("unusable")}<//>`;
  if (one.days_left === undefined) return null;
  if (one.days_left < 0) return html`<${Badge} kind="bad">${t("expired")}<//>`;
  const kind = one.days_left < 7 ? "bad" : one.days_left < 30 ? "warn" : "good";
  return html`<${Badge} kind=${kind}>${t("days_left", one.days_left)}<//>`;
}

function One({ one, settings, done }) {
  const label = (key) => settings?.settings.find((row) => row.key === key)?.label;
  const word = (key) => (t(`use_${key}`) === `use_${key}` ? key : t(`use_${key}`));
  const free = USES.filter((key) => label(key) && !one.used_by.includes(key));
  const [error, setError] = useState(null);
  const use = async (key) => {
    setError(null);
    try {
      const { rev } = await get("settings");
      await post("settings", { rev, fields: { [key]: one.name } });
      notify(t("certificate_used", one.name, word(key)));
      done();
    } catch (failed) {
      setError(failed);
    }
  };
  return html`<${Card} title=${one.name} tools=${html`<${Left} one=${one} />`} class="certificate">
    <${Failure} error=${error} />
    ${one.trouble && html`<p class="error-text">${said(one.trouble_words ?? one.trouble)}</p>`}
    <dl class="facts">
      ${one.names && html`<div><dt>${t("valid_for")}</dt><dd>${one.names.join(", ")}</dd></div>`}
      ${one.issuer && html`<div><dt>${t("issuer")}</dt><dd>${one.self_signed ? t("self_signed") : one.issuer}</dd></div>`}
      ${one.not_after && html`<div><dt>${t("valid_until")}</dt><dd>${date(one.not_after)}</dd></div>`}
      <div><dt>${t("source")}</dt><dd>${one.source === "stored" ? t("source_stored") : t("source_directory")}</dd></div>
      ${one.fingerprint && html`<div class="whole"><dt>SHA-256</dt><dd class="mono small">${one.fingerprint}</dd></div>`}
    </dl>
    <div class="uses">
      <span class="soft">${one.used_by.length ? t("used_by") : t("not_used")}</span>
      ${one.used_by.map((key) => html`<${Badge} kind="accent">${word(key)}<//>`)}
    </div>
    ${mayChange() &&
    html`<div class="card-foot">
      ${!one.trouble && free.map((key) => html`<${Button} small onClick=${() => use(key)}>${t("use_for", word(key))}<//>`)}
      ${one.source === "stored" && one.used_by.length === 0 && html`<${Button} small kind="danger-quiet" icon="trash" onClick=${() => turn({ remove: one.name })}>${t("remove")}<//>`}
    </div>`}
  <//>`;
}

function Upload({ close, done }) {
  const [name, setName] = useState("");
  const [pem, setPem] = useState("");
  const read = async (files) => {
    const texts = await Promise.all([...files].map((file) => file.text()));
    setPem((old) => [old, ...texts].filter(Boolean).map((text) => text.trim()).join("\n"));
    if (!name && files[0]) setName(files[0].name.replace(/\.[^.]*$/, "").replace(/[^A-Za-z0-9._-]/g, "-"));
  };
  const send = async () => {
    await post("certificates", { name: name.trim(), pem: `${pem.trim()}\n` });
    notify(t("added_x", name.trim()));
    done();
  };
  const parts = [/BEGIN CERTIFICATE/.test(pem), /BEGIN [A-Z ]*PRIVATE KEY/.test(pem)];
  const missing = pem && !parts[0] ? t("pem_no_certificate") : pem && !parts[1] ? t("pem_no_key") : undefined;
  return html`<${FormDialog} wide title=${t("upload_certificate")} close=${close} send=${send} word=${t("upload")} ready=${name.trim() !== "" && parts[0] && parts[1]} known=${["name", "pem"]}>
    ${(wrong) => html`<p class="soft">${t("upload_lead")}</p>
      <${Field} label=${t("pem_files")} hint=${t("optional")} name="files">${(given) => html`<input ...${given} type="file" multiple accept=".pem,.crt,.cer,.key,application/x-pem-file" onChange=${(e) => read(e.target.files)} />`}<//>
      <${TextField} label=${t("name")} name="name" help=${t("certificate_name_help")} value=${name} change=${setName} error=${wrong("name")} autocomplete="off" autocapitalize="none" spellcheck="false" />
      <${Field} label=${t("pem")} name="pem" help=${missing ?? t("pem_help")} error=${wrong("pem")}>
        ${(given) => html`<textarea ...${given} class="mono" rows="9" spellcheck="false" autocomplete="off" value=${pem} onInput=${(e) => setPem(e.target.value)}></textarea>`}
      <//>`}
  <//>`;
}

function SelfSigned({ close, done }) {
  const { data } = useLoad("status");
  const [name, setName] = useState("self-signed");
  const [hosts, setHosts] = useState([]);
  const send = async () => {
    await post("self-signed", { name: name.trim(), hosts });
    notify(t("added_x", name.trim()));
    done();
  };
  return html`<${FormDialog} title=${t("self_signed_make")} close=${close} send=${send} word=${t("make")} ready=${name.trim() !== ""} known=${["name", "hosts"]}>
    ${(wrong) => html`<p class="soft">${t("self_signed_lead")}</p>
      <${TextField} label=${t("name")} name="name" help=${t("self_signed_name_help")} value=${name} change=${setName} error=${wrong("name")} autocomplete="off" spellcheck="false" />
      <${Field} label=${t("hosts")} name="hosts" hint=${t("optional")} help=${t("hosts_help", data?.server_name ?? "")} error=${wrong("hosts")}>
        ${(given) => html`<${Entries} given=${given} entries=${hosts} change=${setHosts} add="mail.office.example" />`}
      <//>`}
  <//>`;
}

function Remove({ one, close, done }) {
  const send = async () => {
    await remove(at(["certificates", one.name]));
    notify(t("removed_x", one.name));
    done();
  };
  return html`<${Confirm} title=${t("remove_certificate_q")} word=${t("remove")} close=${close} send=${send}><p>${t("remove_certificate_text", one.name)}</p><//>`;
}
