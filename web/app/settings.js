// The settings (B, D, E): one form in sections. What was changed is marked and kept while one looks around; saving shows every
// error at its field, then what was applied and what was not.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./lib.js";
import { Icon } from "./icons.js";
import { Badge, Button, Choice, Dialog, Failure, LinkButton, Loading, Notice, SearchBox, Select, sentence, useLoad, useNarrow } from "./ui.js";
import { Head } from "./shell.js";
import { History } from "./history.js";
import { SettingField } from "./setting.js";
import { same } from "./values.js";
import { boardName } from "./board.js";
import { said, spoken, t } from "./words.js";
import { mayChange, notify } from "./state.js";
import { go, guard, link, route } from "./route.js";
import { get, post } from "./api.js";

export function Settings() {
  const { path } = route();
  const tools = html`<${Choice} label=${t("what_to_show")} value=${path[1] === "history" ? "history" : "now"} change=${(to) => go(to === "now" ? ["settings"] : ["settings", "history"])}
    options=${[["now", t("settings")], ["history", t("history")]]} />`;
  const { data, error, reload } = useLoad("settings");
  // Unsaved changes survive a look at the history.
  const [draft, setDraft] = useState({});
  const body = () => {
    if (!data) return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
    if (path[1] === "history") return html`<${History} table=${data} reload=${reload} />`;
    return html`<${Form} table=${data} reload=${reload} draft=${draft} setDraft=${setDraft} section=${path[1]} />`;
  };
  return html`<${Head} title=${t("settings")} lead=${t("settings_lead")} tools=${tools} />${body()}`;
}

function Form({ table, reload, draft, setDraft, section }) {
  const [search, setSearch] = useState("");
  const [error, setError] = useState(null);
  const [result, setResult] = useState(null);
  const [busy, setBusy] = useState(false);
  const [leaving, setLeaving] = useState(null);
  const rows = table.settings;
  const changed = Object.keys(draft);
  useEffect(() => {
    if (changed.length === 0) return undefined;
    return guard((leave) => setLeaving(() => leave));
  }, [changed.length > 0]);
  const put = (row, value) => {
    setResult(null);
    setDraft((old) => {
      const next = { ...old, [row.key]: value };
      // null asks for the default; a value that is what is stored is no change.
      if (value === null ? !row.set : same(value, row.value)) delete next[row.key];
      return next;
    });
  };
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      const answer = await post("settings", { rev: table.rev, fields: draft });
      setDraft({});
      setResult({ answer, keys: answer.changed ?? changed });
      reload();
    } catch (failed) {
      setError(failed);
    }
    setBusy(false);
  };
  const takeNew = () => {
    setError(null);
    reload();
  };
  const find = search.trim().toLowerCase();
  const matches = (row) => !find || [row.key, row.label[spoken()], row.help[spoken()]].some((text) => text.toLowerCase().includes(find));
  const sections = useMemo(() => divide(table, rows.filter(matches)), [table, find, spoken()]);
  return html`<div class="split settings">
    <${Sections} sections=${sections} />
    <form class="stack" novalidate onSubmit=${(e) => (e.preventDefault(), changed.length && save())} aria-label=${t("settings")}>
      <${SearchBox} value=${search} change=${setSearch} label=${t("search_settings")} />
      <${SaveTrouble} error=${error} rows=${rows} takeNew=${takeNew} />
      ${result && html`<${Result} result=${result} rows=${rows} />`}
      ${sections.length === 0 && html`<p class="soft">${t("nothing_found", search)}</p>`}
      ${sections.map(
        ([name, label, list]) => html`<section key=${name} class="card" aria-labelledby=${`title-${name}`}>
          <div class="card-head"><h2 id=${`title-${name}`} tabindex="-1">${said(label)}</h2></div>
          <div class="setting-list">
            ${list.map(
              (row) => html`<${SettingField} key=${row.key} row=${row} changed=${row.key in draft} value=${row.key in draft ? draft[row.key] : row.value}
                change=${(value) => put(row, value)} error=${error?.of(row.key)} />`,
            )}
          </div>
        </section>`,
      )}
      <${SaveBar} many=${changed.length} busy=${busy} drop=${() => (setDraft({}), setError(null))} />
    </form>
    <${Jump} section=${section} />
    ${leaving && html`<${Leaving} many=${changed.length} stay=${() => setLeaving(null)} leave=${() => (setDraft({}), leaving())} />`}
  </div>`;
}

// [section, label, rows] in the order of the table, without empty ones. What nobody placed stands at the end, never hidden.
function divide(table, rows) {
  const other = { id: "other", label: t("section_other") };
  const known = table.sections ?? [];
  const place = (row) => (known.some((one) => one.id === row.section) ? row.section : other.id);
  return [...known, other].map(({ id, label }) => [id, label, rows.filter((row) => place(row) === id)]).filter(([, , list]) => list.length > 0);
}

// `#/settings/tls` goes to that section.
function Jump({ section }) {
  useEffect(() => {
    const title = section && document.getElementById(`title-${section}`);
    if (!title) return;
    title.scrollIntoView({ block: "start" });
    title.focus({ preventScroll: true });
  }, [section]);
  return null;
}

function Sections({ sections }) {
  const narrow = useNarrow(1000);
  const here = route().path[1] ?? "";
  if (narrow) {
    return html`<${Select} aria-label=${t("go_to_section")} value=${here} change=${(name) => go(["settings", name].filter(Boolean))}
      options=${[["", t("go_to_section")], ...sections.map(([name, label]) => [name, said(label)])]} />`;
  }
  return html`<nav class="card side-list" aria-label=${t("go_to_section")}><ul>
    ${sections.map(([name, label, list]) => html`<li><a href=${link(["settings", name])} aria-current=${name === here ? "true" : undefined}><span>${said(label)}</span><span class="count">${list.length}</span></a></li>`)}
  </ul></nav>`;
}

function SaveBar({ many, busy, drop }) {
  if (!mayChange()) return html`<p class="save-bar soft"><${Icon} name="info" /> ${t("read_only_settings")}</p>`;
  return html`<div class=${many ? "save-bar on" : "save-bar"}>
    <span role="status">${many ? t("n_changes", many) : t("no_changes")}</span>
    <div class="tools" hidden=${!many}>
      <${Button} disabled=${!many || busy} onClick=${drop}>${t("discard")}<//>
      <${Button} type="submit" kind="main" busy=${busy} disabled=${!many}>${t("save")}<//>
    </div>
  </div>`;
}

// All errors at once, each a way to its field; or somebody else saved first.
function SaveTrouble({ error, rows, takeNew }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    if (error) box.current?.focus();
  }, [error]);
  if (!error) return null;
  if (error.status === 409) {
    return html`<div class="notice bad" role="alert" ref=${box} tabindex="-1"><${Icon} name="warning" /><div><p>${t("somebody_saved")}</p>
      <p><${Button} small onClick=${takeNew}>${t("take_new")}<//></p></div></div>`;
  }
  if (error.fields.length === 0) return html`<${Failure} error=${error} />`;
  const label = (key) => rows.find((row) => row.key === key)?.label[spoken()] ?? key;
  const toField = (event, key) => {
    event.preventDefault();
    const field = document.querySelector(`[data-field="${CSS.escape(key)}"]`);
    field?.scrollIntoView({ block: "center" });
    field?.querySelector("input, select, textarea, button")?.focus({ preventScroll: true });
  };
  return html`<div class="notice bad" role="alert" ref=${box} tabindex="-1"><${Icon} name="warning" /><div>
    <p>${t("not_saved", error.fields.length)}</p>
    <ul>${error.fields.map(({ field, what }) => html`<li><a href=${`#field-${field}`} onClick=${(e) => toField(e, field)}>${label(field)}</a>: ${said(what)}</li>`)}</ul>
  </div></div>`;
}

// What came of it: applied, or not applied and why.
function Result({ result, rows }) {
  const label = (key) => said(rows.find((row) => row.key === key)?.label ?? key);
  const failed = result.answer.not_applied ?? [];
  const later = result.answer.next_start ?? [];
  const applied = result.keys.filter((key) => !later.includes(key));
  return html`<div role="status" class="stack tight">
    ${applied.length > 0 && html`<${Notice} kind="good"><p>${t(failed.length ? "saved_x_list" : "saved_and_applied")}</p><ul>${applied.map((key) => html`<li>${label(key)}</li>`)}</ul><//>`}
    ${later.length > 0 && html`<${Notice}><p>${t("saved_for_restart")}</p><ul>${later.map((key) => html`<li>${label(key)}</li>`)}</ul><//>`}
    ${failed.length > 0 &&
    html`<${Notice} kind="warn"><p>${t("saved_not_applied")}</p>
      <ul>${failed.map((one) => html`<li><b>${boardName(one.service)}</b>: ${sentence(said({ en: one.text, ru: one.text_ru }))}</li>`)}</ul><//>`}
  </div>`;
}

function Leaving({ many, stay, leave }) {
  return html`<${Dialog} title=${t("leave_q")} close=${stay} foot=${html`<${Button} kind="danger" onClick=${leave}>${t("leave_drop")}<//><${Button} kind="main" onClick=${stay} data-first>${t("leave_stay")}<//>`}>
    <p>${t("leave_text", many)}</p>
  <//>`;
}
