// The journal (M1-M6): a day by the calendar, pages, search, errors in red, export.

import { html, useEffect, useState } from "./lib.js";
import { Button, Empty, Failure, LinkButton, Loading, Pager, SearchBox, useLoad, useSettled } from "./ui.js";
import { useSearch } from "./search.js";
import { Head } from "./shell.js";
import { Lines } from "./lines.js";
import { follow } from "./events.js";
import { number, t } from "./words.js";
import { route, turn } from "./route.js";
import { at } from "./api.js";

const PER_PAGE = 100;

export function Journal() {
  const { query } = route();
  const day = query.day ?? "today";
  const page = Math.max(1, Number.parseInt(query.page, 10) || 1);
  const [typed, setTyped] = useState(query.search ?? "");
  const search = useSettled(typed, 400);
  useEffect(() => {
    if (search !== (query.search ?? "")) turn({ search: search || undefined, page: undefined }, { replace: true });
  }, [search]);
  useEffect(() => setTyped(query.search ?? ""), [query.search]);
  const asked = query.search ?? "";
  const paged = useLoad(asked ? null : at(["journal"], { day, page, per_page: PER_PAGE }));
  const looked = useSearch(day, asked, PER_PAGE);
  const days = useLoad("journal/days");
  const live = day === "today" && page === 1 && !asked;
  const fresh = useFresh(live, paged);
  const found = asked ? looked : paged;
  const data = found.data;
  const shown = data?.day ?? (day === "today" ? (days.data?.days[0] ?? "") : day);
  const find = (id) => {
    setTyped(id);
    turn({ search: id, page: undefined });
  };
  return html`<${Head} title=${t("journal")} lead=${t("journal_lead")} />
    <section class="card flush" aria-label=${t("journal")}>
      <div class="list-tools">
        <${Calendar} day=${shown} days=${days.data?.days ?? []} />
        <${SearchBox} value=${typed} change=${setTyped} label=${t("search_journal")} placeholder=${t("search")} />
      </div>
      <${Failure} error=${found.error} retry=${found.reload} />
      ${!data && !found.error && html`<${Loading} />`}
      ${data && asked && html`<${Hits} found=${looked} search=${asked} find=${find} />`}
      ${data && !asked && html`<${Found} data=${data} lines=${[...fresh, ...data.lines]} loading=${found.loading} find=${find} live=${live} />`}
    </section>`;
}

// Lines that came since the page was fetched; newest first.
function useFresh(live, found) {
  const [fresh, setFresh] = useState([]);
  const last = found.data?.lines[0]?.number;
  useEffect(() => {
    setFresh([]);
    if (!live || !found.data) return undefined;
    let lost = false;
    return follow((kind, line) => {
      if (kind === "lost") lost = true;
      if ((kind === "open" && lost) || kind === "gap") found.reload();
      if (kind === "line") setFresh((old) => [line, ...old].slice(0, 500));
    });
  }, [live, found.data]);
  return live ? fresh.filter((line) => last === undefined || !found.data.lines.some((old) => old.time === line.time && old.text === line.text)) : [];
}

// What a search has found up to now, and how far it is.
function Hits({ found, search, find }) {
  const { data, loading, more, error } = found;
  const { lines, left, total } = data;
  if (lines.length === 0 && left === 0) return html`<${Empty} icon="journal" title=${t("nothing_found", search)}>${t("journal_found_todo")}<//>`;
  const done = left === 0 ? "" : t("looked_through", number(total - left), number(total));
  return html`<p class="list-facts">
      <span role="status">${t("n_lines_found", lines.length)}</span>
      ${done && html`<span>${done}</span>`}
      ${loading && html`<span class="spinner" aria-hidden="true"></span>`}
    </p>
    ${lines.length > 0 && html`<${Lines} lines=${lines} find=${find} caption=${t("journal")} />`}
    <div class="list-foot">
      ${left > 0 && !loading && !error && html`<${Button} onClick=${more}>${t("search_older")}<//>`}
      <${Export} day=${data.day} />
    </div>`;
}

function Found({ data, lines, loading, find, live }) {
  if (lines.length === 0) return html`<${Empty} icon="journal" title=${t("no_lines")}>${t("no_lines_todo")}<//>`;
  return html`<p class="list-facts" role="status">
      <span>${t("n_lines", data.total)}</span>
      ${live && html`<span class="live">${t("live")}</span>`}
      ${loading && html`<span class="spinner" aria-hidden="true"></span>`}
    </p>
    <${Lines} lines=${lines} find=${find} caption=${t("journal")} />
    <div class="list-foot">
      <${Pager} page=${data.page} pages=${Math.max(1, data.pages)} turnTo=${(page) => (turn({ page: page === 1 ? undefined : page }), scrollTo(0, 0))} />
      <${Export} day=${data.day} />
    </div>`;
}

function Export({ day }) {
  return html`<div class="tools" role="group" aria-label=${t("export")}>
    <${LinkButton} icon="download" href=${`api/${at(["journal", "file"], { day, form: "plain" })}`} download=${`journal-${day}.log`}>${t("export_text")}<//>
    <${LinkButton} icon="download" href=${`api/${at(["journal", "file"], { day, form: "csv" })}`} download=${`journal-${day}.csv`}>${t("export_csv")}<//>
  </div>`;
}

// Days of the journal that there are, oldest first; others can be picked and say that there is nothing.
function Calendar({ day, days }) {
  const sorted = [...days].sort();
  const newest = sorted.at(-1);
  const pick = (to) => turn({ day: to === newest ? undefined : to, page: undefined });
  const older = sorted.filter((one) => one < day).at(-1);
  const newer = sorted.find((one) => one > day);
  return html`<div class="calendar">
    <${Button} icon="left" aria-label=${t("day_before")} title=${t("day_before")} disabled=${!older} onClick=${() => pick(older)} />
    <input type="date" aria-label=${t("day")} value=${day} min=${sorted[0]} max=${newest} onChange=${(e) => e.target.value && pick(e.target.value)} />
    <${Button} icon="right" aria-label=${t("day_after")} title=${t("day_after")} disabled=${!newer} onClick=${() => pick(newer)} />
  </div>`;
}
