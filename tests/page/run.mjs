// Drives the page in a headless browser: `node run.mjs` checks everything but the queue, `node run.mjs queue` that,
// `node run.mjs fluid` measures it with much data, `node run.mjs shots FILE` makes the picture of README.
// tests/page.rs starts the server, says by PAGE_URL, PAGE_ADMIN, PAGE_PASSWORD, PAGE_LOOKER, PAGE_SMTP where it is, and looks
// at the exit code.

import { launch, report } from "./driver.mjs";
import { login, throttle } from "./login.mjs";
import { screens } from "./screens.mjs";
import { work } from "./work.mjs";
import { keyboard } from "./keyboard.mjs";
import { strangers } from "./strangers.mjs";
import { fluid } from "./fluid.mjs";
import { queue } from "./queue.mjs";
import { shots } from "./shots.mjs";

const browser = await launch();
try {
  if (process.argv[2] === "fluid") {
    await fluid(browser);
  } else if (process.argv[2] === "queue") {
    await queue(browser);
  } else if (process.argv[2] === "shots") {
    await shots(browser, process.argv[3]);
  } else {
    const cookies = await login(browser);
    if (!cookies) throw new Error("without a login nothing else can be looked at");
    await keyboard(browser, cookies);
    await work(browser, cookies);
    await strangers(browser, cookies);
    await screens(browser, cookies);
    await throttle(browser);
  }
} finally {
  await browser.close();
}
report();
