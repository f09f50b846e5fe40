// What an administrator does: domains, mailboxes, aliases, settings with errors and history, certificates, the journal.

import { BASE, PHONE, api, check, ensure, equal, open, send, settled, visitor } from "./driver.mjs";

export async function work(browser, cookies) {
  const { context, page, quiet, expects } = await visitor(browser, { cookies });
  const step = (name, run) => check(name, async () => {
    await run();
    await quiet();
  });
  const field = (key) => page.locator(`[data-field="${key}"]`);
  const press = (word) => page.locator(".dialog-foot").getByRole("button", { name: word, exact: true }).click();
  const closed = () => page.waitForSelector("dialog", { state: "detached" });

  await step("a domain, a mailbox with a quota, an alias for two, a catch-all", async () => {
    await open(page, "mail?add=domain");
    await page.fill('[name="name"]', "branch.test");
    await press("Добавить");
    await closed();
    await page.click('nav a:has-text("branch.test")');
    await page.waitForSelector("text=Ящиков пока нет");
    await open(page, "mail/branch.test?add=mailbox");
    await page.fill('[name="address"]', "info");
    await page.waitForSelector("text=info+что-угодно@branch.test");
    await page.fill('[name="password"]', "short");
    await page.fill('[name="quota"]', "1,5");
    expects.push(422);
    await press("Добавить");
    await page.waitForSelector('[data-field="password"] .error-text');
    equal(await page.evaluate(() => document.activeElement.name), "password", "the focus after an error");
    await page.fill('[name="password"]', "long enough 1");
    await press("Добавить");
    await page.waitForSelector("text=Ящик создан");
    await press("Готово");
    await closed();
    await page.waitForSelector("text=0 Б из 1,5 ГБ");
    await open(page, "mail/branch.test?add=alias");
    await page.fill('[name="address"]', "sales");
    await page.fill('[name="targets"]', "info@branch.test, ann@office.test");
    await page.press('[name="targets"]', "Enter");
    await press("Добавить");
    await closed();
    await open(page, "mail/branch.test?tab=aliases");
    await page.waitForSelector('[role="row"] >> text=info@branch.test, ann@office.test');
    await open(page, "mail/branch.test?domain=branch.test");
    await page.fill('[name="catch_all"]', "info@branch.test");
    await press("Сохранить");
    await closed();
    await page.waitForSelector("text=Письма на несуществующие адреса приходят на info@branch.test");
  });

  await step("what destroys asks first, and says what goes", async () => {
    await open(page, "mail/branch.test?edit=info@branch.test");
    await page.click("text=Удалить ящик");
    expects.push(409);
    await press("Удалить");
    await page.waitForSelector('dialog [role="alert"]');
    await press("Отмена");
    await press("Отмена");
    await open(page, "mail/branch.test?domain=branch.test");
    await page.click("text=Удалить домен");
    ensure(await page.locator("dialog").getByRole("button", { name: "Удалить", exact: true }).isDisabled(), "it does not wait for the name");
    await page.fill("dialog input[type=text]", "branch.test");
    await page.check("dialog input[type=checkbox]");
    await press("Удалить");
    await closed();
    await page.waitForSelector("text=Домена branch.test нет");
  });

  await step("settings: all errors at their fields, then what was applied; history and return", async () => {
    await open(page, "settings");
    const old = await field("smtp.max_size_mb").locator("input").inputValue();
    await field("smtp.max_size_mb").locator("input").fill("99999");
    await field("login.password_min").locator("input").fill("0");
    await page.click("text=Сохранить");
    await page.waitForSelector("text=Ничего не сохранено: 2");
    equal(await page.locator(".setting .error-text").count(), 2, "errors at fields");
    await field("login.password_min").locator("input").fill("9");
    await field("smtp.max_size_mb").locator("input").fill("44");
    equal(await page.textContent(".save-bar span"), "Не сохранены 2\u00A0изменения", "the save bar");
    await page.click("text=Сохранить");
    await page.waitForSelector("text=Сохранено и применено");
    await page.click("text=История");
    await page.waitForSelector("text=44\u00A0МБ");
    await page.locator("li").filter({ hasNotText: "текущая" }).getByRole("button", { name: /Вернуть/ }).first().click();
    await page.waitForSelector("dialog ins");
    await press("Вернуть");
    await closed();
    await open(page, "settings");
    equal(await field("smtp.max_size_mb").locator("input").inputValue(), old, "the value after going back");
  });

  await step("unsaved settings are not lost by a click, nor by somebody else's save", async () => {
    await open(page, "settings");
    await field("login.cache_minutes").locator("input").fill("7");
    await page.click('nav a[href="#/journal"]');
    await page.waitForSelector("text=Уйти без сохранения?");
    await press("Остаться");
    const { rev } = await (await api(context, "GET", "settings")).json();
    equal((await api(context, "POST", "settings", { rev, fields: { "journal.days": 77 } })).status(), 200, "the other one's save");
    await page.click("text=Сохранить");
    await page.click("text=Загрузить новые значения");
    await settled(page);
    await page.click("text=Сохранить");
    await page.waitForSelector("text=Сохранено и применено");
    equal(await field("journal.days").locator("input").inputValue(), "77", "the other one's value");
  });

  await step("certificates: self-signed, used for SMTP, kept while it is used", async () => {
    await open(page, "certificates?add=self-signed");
    await page.fill('[name="name"]', "second");
    await press("Создать");
    await closed();
    const card = page.locator("section", { hasText: "second" });
    await card.getByRole("button", { name: "Использовать: SMTP" }).click();
    await card.locator(".uses >> text=SMTP").waitFor();
    equal(await card.getByRole("button", { name: "Удалить" }).count(), 0, "buttons that remove a used certificate");
  });

  await step("a service is switched off and on again", async () => {
    await open(page, "");
    await page.getByRole("button", { name: "Выключить: POP3" }).click();
    await press("Выключить");
    await closed();
    await page.getByRole("button", { name: "Включить: POP3" }).click();
    await page.getByRole("button", { name: "Выключить: POP3" }).waitFor();
  });

  await step("mail that comes in shows itself in the feed and in the journal's tail", async () => {
    await open(page, "");
    await page.waitForTimeout(300);
    const last = await send(["EHLO client.test", "MAIL FROM:<alive@sender.test>", "RCPT TO:<ann@office.test>", "DATA", "Subject: alive\r\n\r\nhello\r\n.", "QUIT"]);
    ensure(last.startsWith("221"), `the server said ${last}`);
    await page.locator(".feed >> text=alive@sender.test").waitFor({ timeout: 5000 });
    await page.locator(".lines >> text=from=<alive@sender.test>").first().waitFor({ timeout: 5000 });
  });

  await step("the journal: search, a page typed in, export", async () => {
    await open(page, "journal");
    await page.fill('[type="search"]', "alive@sender.test");
    await page.waitForSelector("text=/Найден[аоы] \\d/");
    ensure((await page.locator(".lines tbody tr").count()) < 10, "the search does not search");
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("text=Экспорт: CSV")]);
    ensure(file.suggestedFilename().endsWith(".csv"), `the file is ${file.suggestedFilename()}`);
    await open(page, "journal?page=7");
    await page.waitForSelector(".pager");
  });

  await context.close();

  await check("a lost stream is told and comes back", async () => {
    const one = await visitor(browser, { cookies, viewport: PHONE });
    let refuse = true;
    await one.page.route("**/api/events*", (route) => (refuse ? route.abort() : route.continue()));
    await one.page.goto(`${BASE}/#/`);
    await one.page.waitForSelector("text=Нет связи");
    refuse = false;
    await one.page.waitForSelector(".live:not(.lost) >> text=Обновляется", { timeout: 10000 });
    await one.context.close();
  });
}
