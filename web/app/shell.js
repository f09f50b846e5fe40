// What stands around every screen: the name, the way to each tab, who is logged in, language and theme.

import { html, useEffect, useRef, useState } from "./lib.js";
import { Icon } from "./icons.js";
import { Badge, Button, Choice, Toasts } from "./ui.js";
import { speak, spoken, t } from "./words.js";
import { mayChange, setTheme, shared, tell, themeNow, themes } from "./state.js";
import { link, route } from "./route.js";
import { post } from "./api.js";
import { OwnPassword } from "./password.js";

const TABS = [
  ["", "home", "start_page"],
  ["settings", "settings", "settings"],
  ["mail", "mail", "domains_and_mailboxes"],
  ["queue", "queue", "board_queue"],
  ["certificates", "certificate", "certificates"],
  ["journal", "journal", "journal"],
  ["admins", "people", "administrators"],
];

export function Preferences() {
  const icons = { system: "system", light: "sun", dark: "moon" };
  return html`<div class="preferences">
    <${Choice} small label=${t("language")} value=${spoken()} change=${speak} options=${[["ru", "Рус"], ["en", "Eng"]]} />
    <${Choice} small label=${t("theme")} value=${themeNow()} change=${setTheme} options=${themes.map((one) => [one, t(`theme_${one}`), icons[one]])} />
  </div>`;
}

async function logOut() {
  // Whatever the server says: here the session is over.
  await post("logout").catch(() => {});
  shared.session = null;
  tell();
}

export function Shell({ children }) {
  const here = route().path[0] ?? "";
  const [open, setOpen] = useState(false);
  const menu = useRef(null);
  useEffect(() => setOpen(false), [here]);
  const escape = (event) => {
    if (event.key !== "Escape" || !open) return;
    setOpen(false);
    menu.current?.querySelector("button")?.focus();
  };
  return html`<div class="shell" onKeyDown=${escape}>
    <a class="skip" href="#content" onClick=${skip}>${t("skip")}</a>
    <header class="bar">
      <a class="brand" href="#/"><span class="mark" aria-hidden="true"><${Icon} name="mail" size="20" /></span><span>${t("product")}</span></a>
      <span ref=${menu} class="menu-button"><${Button} icon="menu" kind="quiet" aria-label=${t("menu")} aria-expanded=${String(open)} aria-controls="tabs" onClick=${() => setOpen(!open)} /></span>
    </header>
    <div class=${open ? "side open" : "side"} id="tabs">
      <nav aria-label=${t("sections")}>
        <ul>
          ${TABS.map(
            ([path, icon, word]) => html`<li><a href=${link(path ? [path] : [])} aria-current=${path === here ? "page" : undefined} onClick=${() => setOpen(false)}>
              <${Icon} name=${icon} size="20" /><span>${t(word)}</span>
            </a></li>`,
          )}
        </ul>
      </nav>
      <div class="side-foot">
        <${Who} />
        <${Preferences} />
      </div>
    </div>
    <main id="content" tabindex="-1">${children}</main>
    <${Toasts} />
  </div>`;
}

function Who() {
  const { session } = shared;
  const [asking, setAsking] = useState(false);
  if (!session?.name) return null;
  return html`<div class="who">
    <div><span class="who-name" title=${session.name}>${session.name}</span>
      ${!mayChange() && html`<${Badge} kind="warn">${t("read_only")}<//>`}</div>
    ${session.how !== "socket" && session.how !== "token" && html`<${Button} kind="quiet" icon="key" small aria-label=${t("change_password")} title=${t("change_password")} onClick=${() => setAsking(true)} />
      <${Button} kind="quiet" icon="logout" small aria-label=${t("log_out")} title=${t("log_out")} onClick=${logOut} />`}
    ${asking && html`<${OwnPassword} close=${() => setAsking(false)} />`}
  </div>`;
}

// `#content` is not a place of ours: the focus goes there, the address stays.
function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

// The head of a screen. When a screen is entered its heading gets the focus, so that a screen reader says where we are.
export function Head({ title, name = title, lead, tools }) {
  const heading = useRef(null);
  useEffect(() => {
    document.title = `${name} — ${t("product")}`;
  }, [name]);
  useEffect(() => {
    if (entered) heading.current.focus({ preventScroll: true });
    entered = true;
  }, []);
  return html`<div class="head">
    <div><h1 ref=${heading} tabindex="-1">${title}</h1>${lead && html`<p class="lead">${lead}</p>`}</div>
    ${tools && html`<div class="tools">${tools}</div>`}
  </div>`;
}

// The first screen after loading does not pull the focus.
let entered = false;
