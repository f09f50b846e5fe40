// Every screen in both languages, wide and narrow, light and dark.

import { PHONE, WIDE, accessible, check, ensure, equal, open, settled, sound, visitor } from "./driver.mjs";

const SCREENS = [
  ["", { ru: "Почтовый сервер включен", en: "Mail server enabled" }],
  ["settings", { ru: "Настройки", en: "Settings" }],
  ["settings/history", { ru: "Настройки", en: "Settings" }],
  ["mail", { ru: "Домены и ящики", en: "Domains and mailboxes" }],
  ["mail/office.test?tab=aliases", { ru: "Домены и ящики", en: "Domains and mailboxes" }],
  ["queue", { ru: "Почтовая очередь", en: "Mail queue" }],
  ["certificates", { ru: "Сертификаты", en: "Certificates" }],
  ["journal", { ru: "Журнал", en: "Journal" }],
  ["admins", { ru: "Администраторы", en: "Administrators" }],
  ["nowhere", { ru: "Страница не найдена", en: "Page not found" }],
];
const DIALOGS = ["mail?add=mailbox", "mail?edit=ann@office.test", "mail?add=alias", "mail/office.test?domain=office.test", "certificates?add=upload", "admins?add=admin"];

export async function screens(browser, cookies) {
  for (const language of ["ru", "en"]) {
    for (const [size, viewport] of [["1280", WIDE], ["390", PHONE]]) {
      await check(`every screen at ${size} px in ${language}`, async () => {
        const { context, page, quiet } = await visitor(browser, { viewport, language, cookies });
        for (const [path, titles] of SCREENS) {
          await open(page, path);
          equal((await page.textContent("h1")).trim().replace(/\s+/g, " "), titles[language], path);
          equal(await page.getAttribute("html", "lang"), language, "the language of the document");
          await sound(page, path);
        }
        for (const path of DIALOGS) {
          await open(page, path);
          await page.waitForSelector("dialog[open]");
          await sound(page, path);
        }
        await quiet();
        await context.close();
      });
    }
  }
  for (const [theme, viewport] of [["light", WIDE], ["dark", WIDE], ["dark", PHONE]]) {
    await check(`axe-core finds nothing serious, ${theme}, ${viewport.width} px`, async () => {
      const { context, page, quiet } = await visitor(browser, { viewport, theme, cookies });
      for (const [path] of SCREENS) {
        await open(page, path);
        await accessible(page, path);
      }
      for (const path of viewport === WIDE ? DIALOGS : DIALOGS.slice(0, 1)) {
        await open(page, path);
        await page.waitForSelector("dialog[open]");
        await settled(page);
        await accessible(page, path);
      }
      await quiet();
      await context.close();
    });
  }
  await check("language and theme are remembered, and the theme can be chosen against the system", async () => {
    const { context, page, quiet } = await visitor(browser, { cookies });
    await open(page, "");
    const dark = () => page.evaluate(() => getComputedStyle(document.body.parentElement).backgroundColor);
    const before = await dark();
    await page.click('[aria-label="Тёмное"]');
    ensure((await dark()) !== before, "the colours stay");
    await page.click("text=Eng");
    await page.waitForSelector("h1 >> text=Mail server");
    await page.reload();
    await page.waitForSelector("h1 >> text=Mail server");
    ensure((await dark()) !== before, "the theme is forgotten");
    await quiet();
    await context.close();
  });
  await check("deep links and the back button work", async () => {
    const { context, page, quiet } = await visitor(browser, { cookies });
    await open(page, "mail/office.test?edit=ann@office.test");
    await page.waitForSelector("dialog >> text=ann@office.test");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.click('nav a[href="#/journal"]');
    await page.waitForSelector("h1 >> text=Журнал");
    await page.goBack();
    await page.waitForSelector("h1 >> text=Домены и ящики");
    await page.waitForSelector("h2 >> text=office.test");
    await page.goForward();
    await page.waitForSelector("h1 >> text=Журнал");
    equal(await page.title(), "Журнал — Почтовый сервер", "the title");
    await quiet();
    await context.close();
  });
  await check("Russian counts: 1 ящик, 2 ящика, 5 ящиков, 11, 21", async () => {
    const { context, page } = await visitor(browser, { cookies });
    await open(page, "");
    const said = await page.evaluate(async () => {
      const { ru } = await import("/words/ru.js");
      return [1, 2, 5, 11, 21, 22, 112, 1001].map((n) => ru.created(n, n, n)).concat([1, 2, 11, 21].map((n) => ru.n_changes(n)));
    });
    equal(
      said,
      [
        "Создано **1** ящик и **1** ссылка в **1** домене",
        "Создано **2** ящика и **2** ссылки в **2** доменах",
        "Создано **5** ящиков и **5** ссылок в **5** доменах",
        "Создано **11** ящиков и **11** ссылок в **11** доменах",
        "Создано **21** ящик и **21** ссылка в **21** домене",
        "Создано **22** ящика и **22** ссылки в **22** доменах",
        "Создано **112** ящиков и **112** ссылок в **112** доменах",
        "Создано **1\u00A0001** ящик и **1\u00A0001** ссылка в **1\u00A0001** домене",
        "Не сохранено 1\u00A0изменение",
        "Не сохранены 2\u00A0изменения",
        "Не сохранены 11\u00A0изменений",
        "Не сохранено 21\u00A0изменение",
      ],
      "what is said",
    );
    await context.close();
  });
}
