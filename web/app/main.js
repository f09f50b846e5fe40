// The page begins here: asks who is logged in, then shows the login or the screen that the address names.

import { html, render, useEffect, useState } from "./lib.js";
import { Failure, Loading } from "./ui.js";
import { Shell } from "./shell.js";
import { Login } from "./login.js";
import { Start } from "./start.js";
import { Settings } from "./settings.js";
import { Mail } from "./mail.js";
import { Queue } from "./queue.js";
import { Certificates } from "./certificates.js";
import { Journal } from "./journal.js";
import { Admins } from "./admins.js";
import { NotFound } from "./notfound.js";
import { listen, shared, tell } from "./state.js";
import { route } from "./route.js";
import { get } from "./api.js";
import { learn } from "./zone.js";

const SCREENS = { "": Start, settings: Settings, mail: Mail, queue: Queue, certificates: Certificates, journal: Journal, admins: Admins };

async function who() {
  try {
    const session = await get("session");
    await learn();
    shared.session = session;
    shared.trouble = undefined;
  } catch (error) {
    if (error.status === 401) shared.session = null;
    else shared.trouble = error;
  }
  tell();
}

function Page() {
  const [, draw] = useState(0);
  useEffect(() => listen(() => draw((n) => n + 1)), []);
  useEffect(() => {
    who();
  }, []);
  if (shared.session === undefined) {
    return html`<main class="login">${shared.trouble ? html`<${Failure} error=${shared.trouble} retry=${who} />` : html`<${Loading} />`}</main>`;
  }
  if (shared.session === null) return html`<${Login} />`;
  const Screen = SCREENS[route().path[0] ?? ""] ?? NotFound;
  return html`<${Shell}><${Screen} key=${route().path[0] ?? ""} /><//>`;
}

render(html`<${Page} />`, document.getElementById("page"));
