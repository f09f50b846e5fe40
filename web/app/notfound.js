// An address that names no screen.

import { html } from "./lib.js";
import { Empty, LinkButton } from "./ui.js";
import { Head } from "./shell.js";
import { t } from "./words.js";

export function NotFound() {
  return html`<${Head} title=${t("not_found")} />
    <${Empty} icon="search" title=${t("not_found_lead")}><${LinkButton} href="#/" kind="main">${t("start_page")}<//><//>`;
}
