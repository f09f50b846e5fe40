// The graph (A24, Q29): received, sent, spam, viruses by hour of today, or by day of 7 or 30 days. Bars; the same as a table.

import { html, useId, useState } from "./lib.js";
import { Card, Choice, Failure, useLoad, useNarrow } from "./ui.js";
import { at } from "./api.js";
import { number, plainDay, t } from "./words.js";

const KINDS = ["received", "sent", "spam", "viruses"];
const BOTTOM = 22;
const LEFT = 36;

export function Graph() {
  const [span, setSpan] = useState("today");
  const { data, error, reload } = useLoad(at(["series"], { span }));
  if (error?.status === 404) return null;
  const tools = html`<${Choice} small label=${t("span")} value=${span} change=${setSpan} options=${[["today", t("span_day")], ["7", t("span_7")], ["30", t("span_30")]]} />`;
  return html`<${Card} title=${t("graph")} tools=${tools} class="graph">
    <${Failure} error=${error} retry=${reload} />
    ${data && html`<${Bars} data=${data} />`}
  <//>`;
}

// "2026-11-24 13:00" is 13:00, "2026-11-24" is the day; both are the appliance's own time already.
function labelOf(text) {
  const [day, time] = text.split(" ");
  return time ?? plainDay(day);
}

// A round number at or above the highest bar.
function ceiling(highest) {
  const rough = 10 ** Math.floor(Math.log10(Math.max(1, highest)));
  return [1, 2, 4, 5, 10].map((n) => n * rough).find((n) => n >= highest && n >= 4) ?? Math.max(4, 10 * rough);
}

function Bars({ data }) {
  const id = useId();
  const [width, height] = useNarrow() ? [340, 170] : [720, 180];
  const kinds = KINDS.filter((kind) => data[kind]);
  const many = data[kinds[0]].length;
  const top = ceiling(Math.max(...kinds.flatMap((kind) => data[kind])));
  const label = (n) => labelOf(data.labels[n]);
  const slot = (width - LEFT) / many;
  const bar = Math.min(16, (slot * 0.78) / kinds.length);
  const y = (value) => (height - BOTTOM) * (1 - value / top) + 6;
  const every = Math.ceil(many / (width / 90));
  const total = (kind) => data[kind].reduce((sum, n) => sum + n, 0);
  return html`<ul class="legend">${kinds.map((kind) => html`<li class=${kind}><span aria-hidden="true"></span>${t(`series_${kind}`)} <b>${number(total(kind))}</b></li>`)}</ul>
    <svg class="bars" viewBox=${`0 0 ${width} ${height + 6}`} role="img" aria-labelledby=${id}>
      <title id=${id}>${t("graph_of", kinds.map((kind) => `${t(`series_${kind}`)} ${number(total(kind))}`).join(", "))}</title>
      ${[0, 0.5, 1].map((part) => html`<g><line x1=${LEFT} x2=${width} y1=${y(top * part)} y2=${y(top * part)} /><text x=${LEFT - 6} y=${y(top * part) + 4} text-anchor="end">${number(top * part)}</text></g>`)}
      ${Array.from({ length: many }, (_, n) => n).map((n) => {
        const left = LEFT + n * slot + (slot - bar * kinds.length) / 2;
        return html`<g>
          ${kinds.map((kind, k) => data[kind][n] > 0 && html`<rect class=${kind} x=${left + k * bar} y=${Math.min(y(data[kind][n]), y(0) - 2)} width=${Math.max(1.5, bar - 1)} height=${Math.max(2, y(0) - y(data[kind][n]))} rx="1.5" />`)}
          ${n % every === 0 && html`<text x=${LEFT + (n + 0.5) * slot} y=${height + 2} text-anchor="middle">${label(n)}</text>`}
        </g>`;
      })}
    </svg>
    <details class="more"><summary>${t("as_table")}</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${t("graph")}><table class="table">
        <thead><tr><th scope="col">${t("time")}</th>${kinds.map((kind) => html`<th scope="col">${t(`series_${kind}`)}</th>`)}</tr></thead>
        <tbody>${data[kinds[0]].map((_, n) => html`<tr><td>${label(n)}</td>${kinds.map((kind) => html`<td>${number(data[kind][n])}</td>`)}</tr>`)}</tbody>
      </table></div></details>`;
}
