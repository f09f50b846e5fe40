// How encryption with the servers that we send to went, by destination, and whether DNSSEC is checked.

import { html, useState } from "./lib.js";
import { Failure, Loading, useLoad } from "./ui.js";
import { has, number, said, t } from "./words.js";

export function Encryption() {
  const [open, setOpen] = useState(false);
  return html`<details class="more" onToggle=${(event) => setOpen(event.target.open)}>
    <summary>${t("tls_out")}</summary>
    ${open && html`<${Destinations} />`}
  </details>`;
}

function Destinations() {
  const { data, error, reload } = useLoad("queue/tls");
  if (error) return html`<${Failure} error=${error} retry=${reload} />`;
  if (!data) return html`<${Loading} />`;
  return html`<div class="stack">
    ${data.dnssec && html`<p class="soft">DNSSEC: ${said({ en: data.dnssec.text, ru: data.dnssec.text_ru })}</p>`}
    ${data.domains.length === 0
      ? html`<p class="soft">${t("tls_nothing")}</p>`
      : html`<div class="scroll" tabindex="0" role="region" aria-label=${t("tls_out")}><table class="table">
          <thead><tr>${["tls_to", "tls_policy", "tls_good", "tls_bad"].map((name) => html`<th scope="col">${t(name)}</th>`)}</tr></thead>
          <tbody>${data.domains.map((one) => html`<tr><td>${one.domain}</td><td>${t(`tls_policy_${one.policy}`)}</td><td>${number(one.good)}</td><td>${failed(one)}</td></tr>`)}</tbody>
        </table></div>`}
  </div>`;
}

const why = ({ why: word, count }) => `${has(`tls_${word}`) ? t(`tls_${word}`) : word}: ${number(count)}`;

function failed({ bad, failed: reasons }) {
  return bad === 0 ? "0" : reasons.map(why).join("; ");
}
