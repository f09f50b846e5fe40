// Lines of the journal as a table (M1, M3): time, message; errors are red, and said to be errors.

import { html } from "./lib.js";
import { Icon } from "./icons.js";
import { clock, t } from "./words.js";

// A queue id at the head of a mail line: a click looks for all lines of that message.
const QUEUE_ID = /^([0-9A-Z]{6,20}): /;

function Text({ text, find }) {
  const id = find && QUEUE_ID.exec(text)?.[1];
  if (!id) return text;
  return html`<button type="button" class="in-text" title=${t("find_message")} onClick=${() => find(id)}>${id}</button>${text.slice(id.length)}`;
}

export function Lines({ lines, find, caption, short }) {
  return html`<div class="scroll lines" tabindex="0" role="region" aria-label=${caption}>
    <table class="table">
      <thead><tr><th scope="col">${t("time")}</th><th scope="col">${t("message")}</th></tr></thead>
      <tbody>
        ${lines.map(
          (line) => html`<tr key=${line.number} class=${line.severity}>
            <td class="time">${clock(line.time)}</td>
            <td class="mono">${(line.severity === "error" || line.severity === "warning") &&
              html`<span class="severity"><${Icon} name="warning" size="14" /><span class="unseen">${t(line.severity)}: </span></span>`}
              ${!short && html`<span class="program">${line.program}: </span>`}<${Text} text=${line.text} find=${find} /></td>
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
