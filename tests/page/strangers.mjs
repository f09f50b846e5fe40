// What strangers and users write stays text: in the journal, in names, in exported tables.

import { api, check, ensure, equal, open, send, settled, visitor } from "./driver.mjs";

const HTML = '<img src=x onerror="window.hacked=1"><b>bold</b>';
const FORMULA = '=HYPERLINK("http://evil.test";"pay")';

export async function strangers(browser, cookies) {
  await check("HTML and formulas in a HELO, a subject, a mailbox's name stay text", async () => {
    const { context, page, quiet } = await visitor(browser, { cookies });
    await send([`HELO ${HTML}`, "QUIT"]);
    await send([`EHLO ${FORMULA}`, "QUIT"]);
    await send(["EHLO client.test", "MAIL FROM:<=cmd@evil.test>", "RCPT TO:<ann@office.test>", "DATA", `Subject: ${HTML}\r\nFrom: ${HTML} <a@evil.test>\r\n\r\n${FORMULA}\r\n.`, "QUIT"]);
    await send([`EHLO client.test`, `MAIL FROM:<"${HTML.replaceAll('"', "'")}"@evil.test>`, "RCPT TO:<nobody@office.test>", "QUIT"]);
    const made = await api(context, "POST", "mailboxes", { address: "=odd+formula@office.test", password: "long enough 1", owner: HTML });
    equal(made.status(), 200, "the mailbox with the odd name");
    equal((await api(context, "PUT", "mailboxes/bob%40office.test", { owner: FORMULA })).status(), 200, "the owner");
    for (const path of ["", "journal", "mail", "mail?edit=%3Dodd%2Bformula@office.test", "settings/history", `journal?search=${encodeURIComponent("<img")}`]) {
      await open(page, path);
      await settled(page);
      const found = await page.evaluate(() => [window.hacked ?? 0, document.querySelectorAll("main img, main b b, dialog img").length]);
      equal(found, [0, 0], path);
    }
    await open(page, "mail");
    const row = page.locator('[role="row"]', { hasText: "=odd+formula@office.test" });
    ensure((await row.textContent()).includes(HTML), "the name is not shown as it was written");
    const csv = await (await api(context, "GET", "journal/file?form=csv")).text();
    ensure(csv.includes("evil.test"), "the export is not of this journal");
    const cells = csv.split(/\r?\n/).flatMap((line) => line.match(/"(?:[^"]|"")*"|[^,]+/g) ?? []);
    const live = cells.map((cell) => cell.replace(/^"/, "")).filter((cell) => /^[=+\-@]/.test(cell));
    equal(live, [], "cells that a spreadsheet would run");
    await quiet();
    await context.close();
  });
}
