// The browser, the report, and what the checks share.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { chromium } from "playwright-core";

export const BASE = process.env.PAGE_URL;
export const ADMIN = { name: process.env.PAGE_ADMIN, password: process.env.PAGE_PASSWORD };
export const LOOKER = { name: process.env.PAGE_LOOKER, password: process.env.PAGE_PASSWORD };

const ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export const WIDE = { width: 1280, height: 860 };
export const PHONE = { width: 390, height: 844 };

export const launch = () => chromium.launch({ executablePath: process.env.PAGE_CHROMIUM ?? "/usr/bin/chromium", args: ARGS });

// What went wrong. A check that throws is a failure; the others go on.
export const failures = [];
const started = Date.now();

export async function check(name, work) {
  const begun = Date.now();
  try {
    await work();
    console.log(`ok     ${name} (${Date.now() - begun} ms)`);
  } catch (error) {
    failures.push(name);
    console.log(`FAILED ${name}\n       ${String(error.message ?? error).split("\n").join("\n       ")}`);
  }
}

export function report() {
  console.log(`${failures.length ? "FAILED" : "ok"}: ${failures.length} failures, ${((Date.now() - started) / 1000).toFixed(1)} s`);
  process.exitCode = failures.length ? 1 : 0;
}

export function equal(found, wanted, what) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${what}: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
}

export function ensure(holds, what) {
  if (!holds) throw new Error(what);
}

// A visitor: a context of its own, that remembers what its console said. `expects`: statuses of the API that may be logged there.
export async function visitor(browser, { viewport = WIDE, language = "ru", theme = "light", cookies, expects = [] } = {}) {
  const context = await browser.newContext({ viewport, colorScheme: theme, locale: language, hasTouch: viewport === PHONE, ignoreHTTPSErrors: true });
  if (cookies) await context.addCookies(cookies);
  await context.addInitScript((chosen) => {
    localStorage.getItem("language") ?? localStorage.setItem("language", chosen);
    window.broken = [];
    addEventListener("securitypolicyviolation", (event) => window.broken.push(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  }, language);
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  const noise = [];
  page.on("console", (message) => {
    const status = /the server responded with a status of (\d+)/.exec(message.text())?.[1];
    if (["error", "warning"].includes(message.type()) && !expects.includes(Number(status))) noise.push(message.text());
  });
  page.on("pageerror", (error) => noise.push(`page error: ${error.message}`));
  const quiet = async () => {
    noise.push(...(await page.evaluate(() => window.broken)));
    if (noise.length) throw new Error(`the console said: ${noise.splice(0).join(" | ")}`);
  };
  return { context, page, quiet, expects };
}

export const open = async (page, path) => {
  await page.goto(`${BASE}/#/${path}`);
  await page.waitForSelector("h1");
  await settled(page);
};

// Nothing is loading any more.
export const settled = (page) => page.waitForFunction(() => !document.querySelector(".loading, .long-wait, [aria-busy=true]"));

export async function logIn(page, who = ADMIN) {
  await page.goto(`${BASE}/`);
  await page.fill('[name="name"]', who.name);
  await page.fill('[name="password"]', who.password);
  await page.press('[name="password"]', "Enter");
  await page.waitForSelector("nav a[aria-current=page]");
}

// Serious and critical findings of axe-core over what is shown now.
export async function accessible(page, where) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.filter((one) => ["serious", "critical"].includes(one.impact)).map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).slice(0, 3).join("; ")}`);
  });
  if (found.length) throw new Error(`${where}: ${found.join("\n")}`);
}

// What no text of the page may hold, and whether it is wider than the screen.
export async function sound(page, where) {
  const found = await page.evaluate(async () => {
    const { en } = await import("/words/en.js");
    const text = document.body.innerText;
    const bad = ["undefined", "NaN", "[object", "null", "**"].filter((word) => text.includes(word));
    const keys = (text.match(/\b[a-z]+(_[a-z0-9]+)+\b/g) ?? []).filter((key) => key in en);
    return { bad, keys, wide: Math.max(0, document.documentElement.scrollWidth - innerWidth) };
  });
  equal(found, { bad: [], keys: [], wide: 0 }, where);
}

export const api = (context, method, path, data) =>
  context.request.fetch(`${BASE}/api/${path}`, { method, data, headers: { "Content-Type": "application/json", Origin: new URL(BASE).origin } });

// A message by SMTP, each line as it stands; gives the last answer.
export function send(lines) {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: "127.0.0.1", port: Number(process.env.PAGE_SMTP) });
    let left = [...lines];
    let last = "";
    socket.setTimeout(10000, () => socket.destroy(new Error(`SMTP is silent after: ${last}`)));
    socket.on("error", reject);
    socket.on("data", (data) => {
      last = data.toString();
      if (!/(^|\n)\d{3} [^\n]*\n$/.test(last)) return;
      const next = left.shift();
      if (next === undefined) socket.end();
      else socket.write(`${next}\r\n`);
    });
    socket.on("close", () => resolve(last));
  });
}
