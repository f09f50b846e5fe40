// The whole way without a mouse.

import { BASE, ADMIN, check, ensure, equal, settled, visitor } from "./driver.mjs";

const focus = (page) => page.evaluate(() => {
  const at = document.activeElement;
  if (at === document.body) return "";
  return (at.getAttribute("aria-label") ?? at.textContent ?? "").trim().replace(/\s+/g, " ");
});

// Tabs until the focus is on something that says so.
async function tabTo(page, words, key = "Tab") {
  for (let n = 0; n < 60; n += 1) {
    await page.keyboard.press(key);
    if ((await focus(page)).includes(words)) return;
  }
  throw new Error(`the focus never comes to “${words}”; it is on “${await focus(page)}”`);
}

export async function keyboard(browser) {
  await check("keyboard only: login, sections, a mailbox, a setting, the journal", async () => {
    const { context, page, quiet } = await visitor(browser, { expects: [401] });
    await page.goto(BASE);
    await page.waitForSelector('[name="name"]:focus');
    await page.keyboard.type(ADMIN.name);
    await page.keyboard.press("Tab");
    await page.keyboard.type(ADMIN.password);
    await page.keyboard.press("Enter");
    await page.waitForSelector("h1 >> text=Почтовый сервер");

    // The first stop jumps over the navigation.
    await page.evaluate(() => document.activeElement.blur());
    await tabTo(page, "К содержанию");
    await page.keyboard.press("Enter");
    equal(await page.evaluate(() => document.activeElement.id || document.activeElement.outerHTML.slice(0, 80)), "content", "the focus behind the skip link");

    await tabTo(page, "Домены и ящики", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector("h1:focus");
    equal(await focus(page), "Домены и ящики", "the focus on a new screen");

    await tabTo(page, "Добавить");
    await page.keyboard.press("Enter");
    equal(await focus(page), "Почтовый ящик", "the first thing of the menu");
    await page.keyboard.press("ArrowDown");
    equal(await focus(page), "Ссылка", "the arrow in the menu");
    await page.keyboard.press("Escape");
    ensure((await focus(page)).startsWith("Добавить"), "Escape does not give the focus back");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog input:focus");
    await page.keyboard.type("keys");
    await tabTo(page, "Придумать");
    await page.keyboard.press("Enter");
    await tabTo(page, "Добавить");
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=Ящик создан");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.waitForSelector('[role="row"] >> text=keys@office.test');

    // The list is one stop; arrows walk in it, Enter opens.
    await tabTo(page, "ann@office.test");
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.activeElement.getAttribute("aria-label")?.startsWith("keys@"));
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog >> text=keys@office.test");
    await settled(page);
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.waitForFunction(() => document.activeElement.getAttribute("role") === "row");

    await tabTo(page, "Настройки", "Shift+Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector("h1:focus >> text=Настройки");
    await settled(page);
    for (let n = 0; n < 80 && !(await page.evaluate(() => document.activeElement.closest('[data-field="smtp.max_size_mb"]'))); n += 1) await page.keyboard.press("Tab");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("33");
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=Сохранено и применено");
    await quiet();
    await context.close();
  });
}
