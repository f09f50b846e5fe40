// The log-in. Too many wrong passwords: the server says how long to wait, and the page counts it down.

import { html, useEffect, useLayoutEffect, useRef, useState } from "./lib.js";
import { Icon } from "./icons.js";
import { Button, Failure, TextField } from "./ui.js";
import { t } from "./words.js";
import { post } from "./api.js";
import { shared, tell } from "./state.js";
import { Preferences } from "./shell.js";
import { learn } from "./zone.js";

export function Login() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const [wait, setWait] = useState(0);
  const form = useRef(null);
  // Whoever comes here was thrown out or begins: the first field waits for him, also after each refusal.
  useLayoutEffect(() => {
    if (wait <= 0) form.current.querySelector(name ? '[type="password"]' : "input").focus();
  }, [error, wait <= 0]);
  useEffect(() => {
    document.title = `${t("log_in")} — ${t("product")}`;
  });
  useEffect(() => {
    if (wait <= 0) return undefined;
    const timer = setTimeout(() => setWait(wait - 1), 1000);
    return () => clearTimeout(timer);
  }, [wait]);
  const send = async (event) => {
    event.preventDefault();
    if (busy || wait > 0) return;
    setBusy(true);
    try {
      const session = await post("login", { name: name.trim(), password });
      await learn();
      shared.session = session;
      tell();
      return;
    } catch (failed) {
      setError(failed);
      setWait(failed.wait ?? 0);
      setPassword("");
    }
    setBusy(false);
  };
  return html`<main class="login">
    <form class="login-card" ref=${form} onSubmit=${send} novalidate>
      <span class="mark" aria-hidden="true"><${Icon} name="mail" size="26" /></span>
      <h1>${t("product")}</h1>
      <p class="soft">${t("log_in_lead")}</p>
      <${LoginError} error=${error} wait=${wait} />
      <${TextField} label=${t("login")} name="name" value=${name} change=${setName} autocomplete="username" autocapitalize="none" spellcheck="false" required />
      <${TextField} type="password" label=${t("password")} name="password" value=${password} change=${setPassword} autocomplete="current-password" required />
      <${Button} type="submit" kind="main" busy=${busy} disabled=${wait > 0 || !name.trim() || !password}>${wait > 0 ? t("log_in_wait", minutes(wait)) : t("log_in")}<//>
    </form>
    <${Preferences} />
  </main>`;
}

const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

function LoginError({ error, wait }) {
  if (!error) return null;
  if (error.status === 429) {
    // Told once to a screen reader, with the whole time; the button counts down.
    return html`<div class="notice bad" role="alert"><${Icon} name="warning" /><div><p>${t("throttled", error.wait)}</p>
      ${wait <= 0 && html`<p class="soft">${t("throttle_over")}</p>`}</div></div>`;
  }
  if (error.status === 401) {
    return html`<div class="notice bad" role="alert"><${Icon} name="warning" /><div><p>${t("wrong_login")}</p><p class="soft">${t("wrong_login_todo")}</p></div></div>`;
  }
  return html`<${Failure} error=${error} />`;
}
