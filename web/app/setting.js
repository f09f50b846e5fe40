// One setting: label, control by its type, help, unit, bounds, default, whether it was changed, what is wrong.

import { html, useId } from "./lib.js";
import { Badge, Button, Choice, Entries, Select, classes, sentence, useLoad } from "./ui.js";
import { Icon } from "./icons.js";
import { bounds, choices, choiceWord, limits, same, unit, words } from "./values.js";
import { said, spoken, t } from "./words.js";
import { mayChange } from "./state.js";

export function SettingField({ row, value, changed, change, error }) {
  const id = useId();
  const shown = value === null ? row.default : value;
  const label = row.label[spoken()];
  const given = {
    id,
    disabled: !mayChange(),
    "aria-describedby": [`${id}h`, error && `${id}e`].filter(Boolean).join(" "),
    "aria-invalid": error ? "true" : undefined,
  };
  const isDefault = same(shown, row.default);
  return html`<div class=${classes("setting", changed && "changed", error && "wrong")} data-field=${row.key}>
    <div class="setting-label">
      <label for=${id}>${label}</label>
      ${changed && html`<${Badge} kind="accent">${t("changed")}<//>`}
    </div>
    <div class="setting-control"><${Control} row=${row} value=${shown} change=${change} given=${given} label=${label} /></div>
    <div class="setting-help" id=${`${id}h`}>
      <p>${row.help[spoken()]}</p>
      <p class="facts-line">
        ${bounds(row) && html`<span>${bounds(row)}</span>`}
        <span>${isDefault ? t("is_default") : t("default_is", words(row, row.default))}</span>
        ${row.restart && html`<span>${t("needs_restart")}</span>`}
        ${!isDefault && mayChange() && html`<button type="button" class="in-text" onClick=${() => change(row.set ? null : row.default)} aria-label=${t("to_default_x", label)}>${t("to_default")}</button>`}
      </p>
    </div>
    ${error && html`<p class="error-text" id=${`${id}e`}><${Icon} name="warning" size="15" /> ${sentence(said(error))}</p>`}
  </div>`;
}

function Control({ row, value, change, given, label }) {
  if (/certificate$/.test(row.key)) return html`<${CertificateControl} ...${{ row, value, change, given }} />`;
  if (row.type === "switch") {
    return html`<label class="switch"><input type="checkbox" role="switch" ...${given} checked=${value === true} onChange=${(e) => change(e.target.checked)} /><span aria-hidden="true"></span><span class="switch-word">${value ? t("on_n") : t("off_n")}</span></label>`;
  }
  if (row.type === "choice") return html`<${Select} ...${given} value=${value} change=${change} options=${choices(row).map((word) => [word, choiceWord(row.key, word)])} />`;
  if (row.type === "list") {
    const entries = Array.isArray(value) ? value : String(value).split(", ").filter(Boolean);
    return html`<${ListControl} ...${{ row, entries, change, given, label }} />`;
  }
  if (["port", "number", "megabytes"].includes(row.type)) {
    const [min, max] = limits(row);
    return html`<span class="with-unit"><input type="number" inputmode="numeric" ...${given} min=${min} max=${max} step="1" value=${value}
      onInput=${(e) => change(e.target.value === "" ? "" : Number(e.target.value))} />${row.type !== "port" && unit(row) && html`<span class="unit">${unit(row)}</span>`}</span>`;
  }
  return html`<input type=${row.type === "secret" ? "password" : "text"} ...${given} value=${value} autocomplete=${row.type === "secret" ? "new-password" : "off"} autocapitalize="none" spellcheck="false" placeholder=${t("empty_value")} onInput=${(e) => change(e.target.value)} />`;
}

// Certificates and interfaces are picked from those that there are (E2, E3, B4, B5).
function CertificateControl({ value, change, given }) {
  const { data } = useLoad("certificates");
  const names = [...new Set([...(data?.certificates ?? []).map((one) => one.name), value].filter(Boolean))];
  return html`<span class="with-button"><${Select} ...${given} value=${value} change=${change} options=${[["", t("none")], ...names.map((name) => [name, name])]} />
    <a class="button" href="#/certificates">${t("certificates")}</a></span>`;
}

function ListControl({ row, entries, change, given }) {
  const isInterfaces = /interfaces$/.test(row.key);
  const { data } = useLoad(isInterfaces ? "interfaces" : null);
  const suggest = (data?.interfaces ?? []).map((one) => one.name ?? one).filter((name) => !entries.includes(name));
  return html`${entries.length === 0 && html`<p class="soft none">${isInterfaces ? t("all") : t("none")}</p>`}
    <${Entries} given=${given} entries=${entries} change=${change} add=${t("add_entry")} suggest=${suggest} disabled=${given.disabled} />`;
}
