// The journal (M1-M6): a day by the calendar, pages, search, errors in red, export.

import { html, useEffect, useState } from "./lib.js";
import { Button, Empty, Failure, LinkButton, Loading, Pager, SearchBox, useLoad, useSettled } from "./ui.js";
import { Head } from "./shell.js";
import { Lines } from "./lines.js";
import { follow } from "./events.js";
import { t } from "./words.js";
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
  const found = useLoad(at(["journal"], { day, page, per_page: PER_PAGE, search: asked }));
  const days = useLoad("journal/days");
  const live = day === "today" && page === 1 && !asked;
  const fresh = useFresh(live, found);
  const data = found.data;
  const shown = data?.day ?? (day === "today" ? "" : day);
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
      ${data && html`<${Found} data=${data} lines=${[...fresh, ...data.lines]} loading=${found.loading} search=${asked} find=${find} live=${live} />`}
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

function Found({ data, lines, loading, search, find, live }) {
  if (lines.length === 0) {
    const title = search ? t("nothing_found", search) : t("no_lines");
    return html`<${Empty} icon="journal" title=${title}>${search ? t("journal_found_todo") : t("no_lines_todo")}<//>`;
  }
  return html`<p class="list-facts" role="status">
      <span>${search ? t("n_lines_found", data.total) : t("n_lines", data.total)}</span>
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
