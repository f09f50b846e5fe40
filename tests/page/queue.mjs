// The mail queue (K1-K5): a list with reasons, a filter, one recipient, hold, release, delete, clear; phone and desktop, light
// and dark, both languages. Four rows wait: PAGE_QUEUE says so.

import { LOOKER, PHONE, WIDE, accessible, api, check, ensure, equal, logIn, open, settled, sound, visitor } from "./driver.mjs";

const TITLES = { ru: "Почтовая очередь", en: "Mail queue" };

// One login for all: logins are counted.
async function session(browser, who) {
  const { context, page } = await visitor(browser, { expects: [401] });
  await logIn(page, who);
  const cookies = await context.cookies();
  await context.close();
  return cookies;
}

export async function queue(browser) {
  const cookies = await session(browser);
  const shots = process.env.PAGE_SHOTS;
  for (const [language, viewport, theme] of [["ru", WIDE, "light"], ["ru", PHONE, "dark"], ["en", PHONE, "light"], ["en", WIDE, "dark"]]) {
    await check(`the queue at ${viewport.width} px in ${language}, ${theme}`, async () => {
      const { context, page, quiet } = await visitor(browser, { viewport, language, theme, cookies });
      for (const [name, path] of [["list", "queue"], ["row", "queue?search=full"]]) {
        await open(page, path);
        equal((await page.textContent("h1")).trim(), TITLES[language], path);
        if (name === "row") {
          await page.click(".rows.queue a");
          await page.waitForSelector("dialog .facts");
          await settled(page);
        }
        await sound(page, path);
        await accessible(page, path);
        if (shots) await page.screenshot({ path: `${shots}/queue-${name}-${language}-${viewport.width}-${theme}.png` });
      }
      await quiet();
      await context.close();
    });
  }

  await check("what waits is shown with its error, found, held, released and deleted", async () => {
    const { context, page, quiet } = await visitor(browser, { cookies });
    await open(page, "");
    await page.click('nav a[href="#/queue"]');
    await page.waitForSelector(".rows.queue li");
    equal(await page.locator(".rows.queue li").count(), 4, "rows");
    await page.waitForSelector("text=452 4.2.2 mailbox full");
    await page.click("text=Отложенные >> visible=true");
    await page.waitForFunction(() => document.querySelectorAll(".rows.queue li").length === 2);
    await page.click('.choice button:has-text("Все")');
    await page.fill('input[type="search"]', "full");
    await page.waitForFunction(() => document.querySelectorAll(".rows.queue li").length === 1);
    await page.click(".rows.queue a");
    await page.waitForSelector("dialog >> text=Код ошибки: 452 · 4.2.2");
    await page.click("dialog summary");
    await page.waitForSelector("dialog pre >> text=Subject: Hello");
    const press = (word) => page.locator(".dialog-foot").getByRole("button", { name: word, exact: true }).click();
    await press("Задержать");
    await page.locator(".dialog-foot").getByRole("button", { name: "Отпустить", exact: true }).waitFor();
    equal((await (await api(context, "GET", "queue")).json()).held, 2, "held");
    await press("Отпустить");
    await page.locator(".dialog-foot").getByRole("button", { name: "Задержать", exact: true }).waitFor();
    await press("Удалить");
    await page.waitForSelector("dialog >> text=Удалить из очереди?");
    await page.getByLabel("Сообщить отправителю, что письмо не доставлено").check();
    await press("Удалить");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.waitForSelector(".toast >> text=Удалено из очереди: 1; уведомлений отправителям: 1");
    await page.waitForSelector("text=Ничего не найдено");
    await quiet();
    await context.close();
  });

  await check("how encryption went is shown below the queue", async () => {
    const { context, page, quiet } = await visitor(browser, { cookies });
    await open(page, "queue");
    await page.click("text=Шифрование с другими серверами");
    await page.waitForSelector("text=За последние дни другим серверам ничего не отправлялось.");
    await quiet();
    await context.close();
  });

  await check("a change that another administrator makes is seen without asking", async () => {
    const { context, page, quiet } = await visitor(browser, { cookies });
    await open(page, "queue?state=held");
    equal(await page.locator(".rows.queue li").count(), 1, "rows");
    equal((await api(context, "POST", "queue/hold", { filter: {} })).status(), 200, "hold all");
    await page.waitForFunction(() => document.querySelectorAll(".rows.queue li").length === 3);
    await quiet();
    await context.close();
  });

  await check("who may only look cannot change the queue", async () => {
    const { context, page, quiet } = await visitor(browser, { cookies: await session(browser, LOOKER) });
    await open(page, "queue");
    ensure(await page.locator('button:has-text("Отправить все")').isDisabled(), "the button works");
    equal((await api(context, "POST", "queue/delete", { filter: {} })).status(), 403, "delete all");
    await quiet();
    await context.close();
  });

  await check("the whole queue is cleared after a question", async () => {
    const { context, page, quiet } = await visitor(browser, { cookies });
    await open(page, "queue");
    await page.click('button:has-text("Ещё")');
    await page.click('[role="menuitem"]:has-text("Очистить очередь")');
    await page.waitForSelector("dialog >> text=Очистить очередь?");
    await page.locator(".dialog-foot").getByRole("button", { name: "Удалить", exact: true }).click();
    await page.waitForSelector("text=Очередь пуста");
    await quiet();
    await context.close();
  });
}
