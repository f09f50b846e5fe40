// The picture of README: the start page with some mail, `node run.mjs shots FILE`.

import { logIn, send, settled, visitor, WIDE } from "./driver.mjs";

export async function shots(browser, file) {
  const { context, page } = await visitor(browser, { language: "en", viewport: { ...WIDE, height: 1100 } });
  await logIn(page);
  const post = (from, to, subject, lines) =>
    send(["EHLO mail.partner.example", `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA", `From: <${from}>\r\nTo: <${to}>\r\nSubject: ${subject}\r\n\r\n${"A line of text.\r\n".repeat(lines)}.`, "QUIT"]);
  await post("orders@partner.example", "ann@office.test", "Order 1042", 40);
  await post("news@weekly.example", "bob@office.test", "This week", 900);
  await post("carl@partner.example", "team@office.test", "Tuesday", 12);
  await send(["EHLO guess.example", "MAIL FROM:<x@guess.example>", "RCPT TO:<nobody@office.test>", "QUIT"]);
  await post("orders@partner.example", "bob@office.test", "Order 1043", 60);
  await page.locator(".feed >> text=orders@partner.example").first().waitFor();
  // The counts of the day are fetched with the page.
  await page.reload();
  await page.locator(".feed >> text=orders@partner.example").first().waitFor();
  await settled(page);
  await page.screenshot({ path: file });
  await context.close();
}
