// The way in: what is loaded, wrong passwords, the throttle, a session that ends, somebody who may only look.

import { gzipSync } from "node:zlib";
import { ADMIN, BASE, LOOKER, accessible, api, check, ensure, equal, logIn, open, settled, sound, visitor } from "./driver.mjs";

const BUDGET = 100 * 1024;

// Gives the cookies of a session.
export async function login(browser) {
  let cookies;
  await check("the first load is at most 100 KB gzipped, from this server only", async () => {
    const { context, page, quiet } = await visitor(browser, { expects: [401] });
    const sizes = new Map();
    const foreign = [];
    const bodies = [];
    page.on("response", (response) => {
      const url = new URL(response.url());
      if (url.origin !== new URL(BASE).origin) foreign.push(url.href);
      if (!url.pathname.startsWith("/api/")) bodies.push(response.body().then((body) => sizes.set(url.pathname, gzipSync(body).length)));
    });
    await logIn(page);
    await settled(page);
    await Promise.all(bodies);
    const sum = [...sizes.values()].reduce((all, one) => all + one, 0);
    console.log(`       ${sizes.size} files, ${sum} octets gzipped`);
    equal(foreign, [], "requests elsewhere");
    ensure(sizes.size > 20, "the files were not seen");
    ensure(sum <= BUDGET, `${sum} octets are over ${BUDGET}`);
    cookies = await context.cookies();
    await quiet();
    await context.close();
  });
  await check("a wrong password is told, in two languages, and the field waits for the next try", async () => {
    const { context, page, quiet } = await visitor(browser, { expects: [401] });
    await page.goto(BASE);
    await page.fill('[name="name"]', "somebody");
    await page.fill('[name="password"]', "a wrong password");
    await page.press('[name="password"]', "Enter");
    await page.waitForSelector('[role="alert"]');
    ensure((await page.textContent('[role="alert"]')).includes("Неверный логин или пароль"), "nothing was said in Russian");
    equal(await page.evaluate(() => document.activeElement.name), "password", "the focus");
    await page.click("text=Eng");
    ensure((await page.textContent('[role="alert"]')).includes("Wrong login or password"), "nothing was said in English");
    await accessible(page, "the login");
    await sound(page, "the login");
    await quiet();
    await context.close();
  });
  await check("a session that ended asks to log in and goes on at the same place", async () => {
    const { context, page, quiet } = await visitor(browser, { expects: [401] });
    await logIn(page);
    await open(page, "settings");
    await context.clearCookies();
    await page.evaluate(() => (location.hash = "#/journal"));
    await page.waitForSelector('[name="password"]');
    await page.fill('[name="name"]', ADMIN.name);
    await page.fill('[name="password"]', ADMIN.password);
    await page.press('[name="password"]', "Enter");
    await page.waitForSelector("h1 >> text=Журнал");
    await page.click('[aria-label="Выйти"]');
    await page.waitForSelector('[name="password"]');
    equal((await api(context, "GET", "session")).status(), 401, "the session after the logout");
    await quiet();
    await context.close();
  });
  await check("who may only look sees it and finds nothing to change", async () => {
    const { context, page, quiet } = await visitor(browser, { expects: [401, 403] });
    await logIn(page, LOOKER);
    ensure((await page.textContent(".who")).includes("Только чтение"), "the role is not shown");
    equal(await page.locator(".service .button:not(a)").count(), 0, "buttons of services");
    await open(page, "settings");
    equal(await page.locator(".setting input:not(:disabled), .setting select:not(:disabled)").count(), 0, "fields that can be changed");
    await open(page, "mail");
    ensure(await page.locator(".head .button").first().isDisabled(), "something could be added");
    equal((await api(context, "POST", "domains", { name: "x.test" })).status(), 403, "the server's own word");
    await quiet();
    await context.close();
  });
  return cookies;
}

// Last of all: it shuts the door for this address for a while.
export async function throttle(browser) {
  await check("too many wrong passwords: the page says how long to wait and counts down", async () => {
    const { context, page, quiet } = await visitor(browser, { expects: [401, 429] });
    await page.goto(BASE);
    for (let n = 0; n < 30; n += 1) {
      await page.fill('[name="name"]', "guesser");
      await page.fill('[name="password"]', `guess number ${n}`);
      const answer = page.waitForResponse((one) => one.url().endsWith("/api/login"));
      await page.press('[name="password"]', "Enter");
      if ((await answer).status() === 429) break;
      await page.waitForFunction(() => document.querySelector('[name="password"]').value === "");
    }
    // The answer is there before the page has shown it: until then the alert of the guess before stands.
    await page.waitForFunction(() => document.querySelector('[type="submit"]').disabled);
    const text = await page.textContent('[role="alert"]');
    ensure(/Слишком много неудачных попыток. Следующая возможна через \d+/.test(text), `it says: ${text}`);
    const button = page.locator('[type="submit"]');
    const first = await button.textContent();
    ensure(/Подождите \d+:\d\d/.test(first), `the button says: ${first}`);
    await page.waitForFunction((old) => document.querySelector('[type="submit"]').textContent !== old, first);
    ensure(await button.isDisabled(), "the button can be pressed");
    await accessible(page, "the throttled login");
    await quiet();
    await context.close();
  });
}
