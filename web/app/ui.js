// The parts that every screen is made of.

import { html, useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from "./lib.js";
import { Icon } from "./icons.js";
import { said, t } from "./words.js";
import { get, quiet } from "./api.js";
import { dismiss, shared } from "./state.js";

export const classes = (...names) => names.filter(Boolean).join(" ");

// Loads a path of the API, again when the path changes or `reload` is called (`refresh`: by the page itself, not by somebody
// who works with it). What was there stays until the new is there.
export function useLoad(path) {
  const [state, setState] = useState({ path, loading: true });
  const [turn, setTurn] = useState({ n: 0, byItself: false });
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    setState((old) => ({ ...old, loading: true }));
    get(turn.byItself ? quiet(path) : path, stop.signal).then(
      (data) => stop.signal.aborted || setState({ path, data, loading: false }),
      (error) => stop.signal.aborted || setState((old) => ({ ...old, error, loading: false })),
    );
    return () => stop.abort();
  }, [path, turn]);
  const again = (byItself) => () => setTurn(({ n }) => ({ n: n + 1, byItself }));
  const reload = useCallback(again(false), []);
  const refresh = useCallback(again(true), []);
  return { ...state, reload, refresh };
}

// Whether the page is as narrow as a phone.
export function useNarrow(width = 760) {
  const query = `(max-width: ${width}px)`;
  const [narrow, setNarrow] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const change = () => setNarrow(media.matches);
    media.addEventListener("change", change);
    return () => media.removeEventListener("change", change);
  }, [query]);
  return narrow;
}

// A value that follows after a pause: for what is typed.
export function useSettled(value, pause = 100) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), pause);
    return () => clearTimeout(timer);
  }, [value, pause]);
  return settled;
}

export function Button({ icon, kind, small, busy, children, ...rest }) {
  return html`<button
    type="button"
    ...${rest}
    class=${classes("button", kind, small && "small", !children && "bare", rest.class)}
    aria-busy=${busy ? "true" : undefined}
    disabled=${rest.disabled || busy}
  >
    ${icon && html`<${Icon} name=${icon} />`}${children && html`<span>${children}</span>`}
  </button>`;
}

// The words between ** are bold. Only for sentences of words/, which put nothing but numbers into them.
export const rich = (text) => text.split("**").map((part, n) => (n % 2 ? html`<b>${part}</b>` : part));

// A link that looks like a button.
export function LinkButton({ icon, kind, small, children, ...rest }) {
  return html`<a ...${rest} class=${classes("button", kind, small && "small")}>
    ${icon && html`<${Icon} name=${icon} />`}<span>${children}</span>
  </a>`;
}

export function Badge({ kind = "plain", children }) {
  return html`<span class=${classes("badge", kind)}>${children}</span>`;
}

export function Card({ title, tools, children, class: name, level = 2 }) {
  const id = useId();
  return html`<section class=${classes("card", name)} aria-labelledby=${title ? id : undefined}>
    ${title &&
    html`<div class="card-head"><${`h${level}`} id=${id}>${title}</${`h${level}`}>${tools && html`<div class="tools">${tools}</div>`}</div>`}
    ${children}
  </section>`;
}

// What the server said, and what to do.
export function Failure({ error, retry }) {
  if (!error) return null;
  return html`<div class="notice bad" role="alert">
    <${Icon} name="warning" />
    <div>
      <p>${sentence(said(error.what))}</p>
      ${error.todo && html`<p class="soft">${sentence(said(error.todo))}</p>`}
      ${retry && html`<p><${Button} small onClick=${retry}>${t("again")}<//></p>`}
    </div>
  </div>`;
}

export function Notice({ kind = "info", children }) {
  const icon = { info: "info", good: "check", warn: "warning", bad: "warning" }[kind];
  return html`<div class=${classes("notice", kind)}><${Icon} name=${icon} /><div>${children}</div></div>`;
}

// The server's sentences begin small, because a field's name may stand before them.
export function sentence(text) {
  if (!text) return "";
  const whole = text[0].toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

export function Empty({ icon = "mail", title, children }) {
  return html`<div class="empty">
    <span class="empty-icon"><${Icon} name=${icon} size="28" /></span>
    <p class="empty-title">${title}</p>
    <div class="soft">${children}</div>
  </div>`;
}

export function Loading() {
  return html`<div class="loading" role="status"><span class="spinner" aria-hidden="true"></span>${t("loading")}</div>`;
}

// A label, a control, help, and what is wrong, tied together for screen readers. `children` gets the control's attributes.
export function Field({ label, help, error, hint, name, children, class: extra }) {
  const id = useId();
  const described = [help && `${id}h`, error && `${id}e`].filter(Boolean).join(" ") || undefined;
  const given = { id, name, "aria-describedby": described, "aria-invalid": error ? "true" : undefined };
  return html`<div class=${classes("field", error && "wrong", extra)} data-field=${name}>
    <label for=${id}>${label}${hint && html` <span class="hint">${hint}</span>`}</label>
    ${children(given)}
    ${help && html`<p class="help" id=${`${id}h`}>${help}</p>`}
    ${error && html`<p class="error-text" id=${`${id}e`}>${sentence(said(error))}</p>`}
  </div>`;
}

export function TextField({ label, help, error, hint, name, value, change, class: extra, ...rest }) {
  return html`<${Field} ...${{ label, help, error, hint, name, class: extra }}>
    ${(given) => html`<input type="text" ...${rest} ...${given} value=${value} onInput=${(e) => change(e.target.value)} />`}
  <//>`;
}

export function Check({ label, help, checked, change, ...rest }) {
  const id = useId();
  return html`<div class="field check">
    <label><input type="checkbox" ...${rest} checked=${checked} aria-describedby=${help ? id : undefined} onChange=${(e) => change(e.target.checked)} /><span>${label}</span></label>
    ${help && html`<p class="help" id=${id}>${help}</p>`}
  </div>`;
}

export function Select({ options, value, change, ...rest }) {
  return html`<span class="select"><select ...${rest} value=${value} onChange=${(e) => change(e.target.value)}>
    ${options.map(([key, word]) => html`<option value=${key} selected=${key === value}>${word}</option>`)}
  </select><${Icon} name="down" size="16" /></span>`;
}

export function SearchBox({ value, change, label, placeholder = label }) {
  return html`<div class="search" role="search">
    <${Icon} name="search" />
    <input type="search" value=${value} aria-label=${label} placeholder=${placeholder} onInput=${(e) => change(e.target.value)} autocomplete="off" spellcheck="false" />
  </div>`;
}

// A choice of one of a few, as a row of buttons.
export function Choice({ label, options, value, change, small }) {
  return html`<div class=${classes("choice", small && "small")} role="group" aria-label=${label}>
    ${options.map(
      ([key, word, icon]) => html`<button
        type="button"
        aria-pressed=${String(key === value)}
        title=${icon ? word : undefined}
        aria-label=${icon ? word : undefined}
        onClick=${() => change(key)}
      >${icon ? html`<${Icon} name=${icon} />` : word}</button>`,
    )}
  </div>`;
}

// Where the focus was before the first of the dialogs. One dialog may give way to another (a form to its question); the focus
// goes back only when no other has come in its place.
const lent = { to: null, timer: 0 };

function borrowFocus() {
  if (lent.timer) clearTimeout(lent.timer);
  else lent.to = document.activeElement;
  lent.timer = 0;
  return () => {
    lent.timer = setTimeout(() => {
      lent.timer = 0;
      if (lent.to?.isConnected && !document.querySelector("dialog[open]")) lent.to.focus();
    });
  };
}

// A dialog over the page. The browser keeps the focus inside and gives it back; Escape closes.
export function Dialog({ title, close, children, foot, wide, submit }) {
  const box = useRef(null);
  const id = useId();
  useLayoutEffect(() => {
    const giveBack = borrowFocus();
    box.current.showModal();
    box.current.querySelector("[data-first], input:not(:disabled), select:not(:disabled), textarea")?.focus();
    return giveBack;
  }, []);
  const send = (event) => {
    event.preventDefault();
    submit?.();
  };
  const body = html`<div class="dialog-body">${children}</div><div class="dialog-foot">${foot}</div>`;
  return html`<dialog
    ref=${box}
    class=${classes("dialog", wide && "wide")}
    aria-labelledby=${id}
    onCancel=${(e) => {
      e.preventDefault();
      close();
    }}
    onMouseDown=${(e) => e.target === box.current && close()}
  >
    <div class="dialog-head">
      <h2 id=${id}>${title}</h2>
      <${Button} kind="quiet" icon="close" aria-label=${t("close")} onClick=${close} />
    </div>
    ${submit ? html`<form class="dialog-form" onSubmit=${send} novalidate>${body}</form>` : body}
  </dialog>`;
}

// A form in a dialog: `send` does it and may throw what the API said; then the dialog stays and shows it at its fields.
export function FormDialog({ title, close, send, word, children, wide, kind = "main", ready = true, known = [] }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const form = useRef(null);
  const submit = async () => {
    if (busy || !ready) return;
    setBusy(true);
    setError(null);
    try {
      await send();
    } catch (failed) {
      setError(failed);
    }
    setBusy(false);
  };
  // In the same breath as the error shows: a later one would come into what is typed by then.
  useLayoutEffect(() => {
    if (error) form.current?.querySelector('[aria-invalid="true"]')?.focus();
  }, [error]);
  const elsewhere = error && (error.fields.length === 0 || error.fields.some((one) => !known.includes(one.field)));
  return html`<${Dialog}
    title=${title}
    close=${close}
    wide=${wide}
    submit=${submit}
    foot=${html`<${Button} onClick=${close} data-first>${t("cancel")}<//>
      <${Button} type="submit" kind=${kind} busy=${busy} disabled=${!ready}>${word}<//>`}
  >
    <div ref=${form} class="stack">
      ${elsewhere && html`<${Failure} error=${error} />`}
      ${typeof children === "function" ? children((name) => error?.of(name)) : children}
    </div>
  <//>`;
}

// Asks before something is destroyed. `typed`: a word that must be typed first.
export function Confirm({ title, children, word, typed, close, send }) {
  const [text, setText] = useState("");
  return html`<${FormDialog} title=${title} close=${close} send=${send} word=${word} kind="danger" ready=${!typed || text === typed}>
    ${children}
    ${typed &&
    html`<${TextField} label=${t("type_to_confirm", typed)} value=${text} change=${setText} autocomplete="off" spellcheck="false" data-first />`}
  <//>`;
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${shared.toasts.map(
      (one) => html`<div key=${one.id} class=${classes("toast", one.kind)}>
        <${Icon} name=${one.kind === "good" ? "check" : "warning"} />
        <span>${one.text}</span>
        <${Button} kind="quiet" icon="close" small aria-label=${t("close")} onClick=${() => dismiss(one.id)} />
      </div>`,
    )}
  </div>`;
}

// How full something is. `value` null: unknown.
export function Meter({ value, max, label, text }) {
  const part = max ? Math.min(1, value / max) : 0;
  const level = part >= 0.95 ? "bad" : part >= 0.8 ? "warn" : "good";
  return html`<div class=${classes("meter", level)} role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(part * 100)} aria-valuetext=${text}>
    <div style=${{ width: `${(part * 100).toFixed(1)}%` }}></div>
  </div>`;
}

// "previous", a page number to type in, "next" (M2).
export function Pager({ page, pages, turnTo }) {
  const [text, setText] = useState(String(page));
  const id = useId();
  useEffect(() => setText(String(page)), [page]);
  const jump = () => {
    const wanted = Math.min(Math.max(1, Number.parseInt(text, 10) || page), pages);
    setText(String(wanted));
    if (wanted !== page) turnTo(wanted);
  };
  return html`<nav class="pager" aria-label=${t("pages")}>
    <${Button} icon="left" disabled=${page <= 1} onClick=${() => turnTo(page - 1)}>${t("previous")}<//>
    <form onSubmit=${(e) => (e.preventDefault(), jump())}>
      <label for=${id}>${t("page")}</label>
      <input id=${id} inputmode="numeric" size=${Math.max(3, String(pages).length)} value=${text} onInput=${(e) => setText(e.target.value)} onBlur=${jump} />
      <span>${t("of_pages", pages)}</span>
    </form>
    <${Button} disabled=${page >= pages} onClick=${() => turnTo(page + 1)}>${t("next")} <${Icon} name="right" /><//>
  </nav>`;
}

// A list of entries that are added and removed one by one (D2: "+ Add", "- Remove").
export function Entries({ given, entries, change, add, suggest = [], disabled }) {
  const [text, setText] = useState("");
  const input = useRef(null);
  const list = useId();
  const put = (typed) => {
    const fresh = typed.split(/[,\n]/).map((one) => one.trim()).filter((one) => one && !entries.includes(one));
    setText("");
    if (fresh.length) change([...entries, ...fresh]);
  };
  const drop = (at) => {
    change(entries.filter((_, n) => n !== at));
    input.current?.focus();
  };
  return html`<div class="entries">
    ${entries.length > 0 &&
    html`<ul>
      ${entries.map(
        (one, n) => html`<li key=${one}><span>${one}</span>${!disabled &&
        html`<button type="button" aria-label=${t("remove_entry", one)} title=${t("remove")} onClick=${() => drop(n)}><${Icon} name="close" size="14" /></button>`}</li>`,
      )}
    </ul>`}
    ${!disabled &&
    html`<div class="entries-add">
      <input type="text" ...${given} ref=${input} value=${text} list=${suggest.length ? list : undefined} autocomplete="off" spellcheck="false" placeholder=${add}
        onInput=${(e) => setText(e.target.value)}
        onPaste=${(e) => {
          const pasted = e.clipboardData.getData("text");
          if (!/[,\n]/.test(pasted)) return;
          e.preventDefault();
          put(text + pasted);
        }}
        onKeyDown=${(e) => {
          if (e.key !== "Enter" || !text.trim()) return;
          e.preventDefault();
          put(text);
        }}
        onBlur=${() => text.trim() && put(text)} />
      <${Button} icon="plus" onClick=${() => put(text)} disabled=${!text.trim()}>${t("add")}<//>
      ${suggest.length > 0 && html`<datalist id=${list}>${suggest.map((one) => html`<option value=${one} />`)}</datalist>`}
    </div>`}
  </div>`;
}

// A new password with a way to see it and one to make it.
export function PasswordField({ label, error, value, change, least, name = "password", help }) {
  const [seen, setSeen] = useState(false);
  return html`<${Field} label=${label} error=${error} name=${name} help=${help ?? (least ? t("password_least", least) : undefined)}>
    ${(given) => html`<div class="with-button password">
      <input ...${given} type=${seen ? "text" : "password"} value=${value} autocomplete="new-password" spellcheck="false" onInput=${(e) => change(e.target.value)} />
      <${Button} onClick=${() => setSeen(!seen)} aria-pressed=${String(seen)}>${seen ? t("hide") : t("show")}<//>
      <${Button} onClick=${() => (change(strong()), setSeen(true))}>${t("make_password")}<//>
    </div>`}
  <//>`;
}

const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";

// Four groups of four from 32 signs that are not mistaken for each other: 80 bits.
function strong() {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  const signs = Array.from(octets, (octet) => LETTERS[octet % LETTERS.length]).join("");
  return signs.match(/.{4}/g).join("-");
}

export function CopyButton({ text, label }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text).then(() => setDone(true), () => {});
  };
  // Browsers give the clipboard only to pages that came over TLS or from this machine.
  if (!navigator.clipboard) return null;
  return html`<${Button} icon=${done ? "check" : "copy"} small onClick=${copy}>${done ? t("copied") : label ?? t("copy")}<//>`;
}
