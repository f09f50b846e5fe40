// A list of any length: only the rows that can be seen exist, and only the pages that were seen are fetched. It scrolls with
// the page. One row is in the tab order; arrows, Home, End, PageUp, PageDown move it, Enter opens it.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./lib.js";
import { Icon } from "./icons.js";
import { get } from "./api.js";

const PAGE = 100;
const SPARE = 12;

// Pages of `path(page, per_page)`, counted from 1, whose answer is { [name]: rows, total }. `version` forgets what was fetched.
export function usePages(name, path, version) {
  const key = path(1, PAGE) + version;
  const [, draw] = useState(0);
  const book = useMemo(() => ({ pages: new Map(), total: undefined, error: undefined, stop: new AbortController() }), [key]);
  const load = (page) => {
    if (book.pages.has(page)) return;
    book.pages.set(page, null);
    get(path(page + 1, PAGE), book.stop.signal).then(
      (answer) => {
        book.pages.set(page, answer[name]);
        book.total = answer.total;
        book.error = undefined;
        draw((n) => n + 1);
      },
      (error) => {
        if (book.stop.signal.aborted) return;
        book.pages.delete(page);
        book.error = error;
        draw((n) => n + 1);
      },
    );
  };
  useEffect(() => {
    load(0);
    return () => book.stop.abort();
  }, [book]);
  return {
    total: book.total,
    error: book.error,
    retry: () => load(0),
    row: (index) => book.pages.get(Math.floor(index / PAGE))?.[index % PAGE],
    need: (from, to) => {
      if (book.total === undefined) return;
      for (let page = Math.floor(from / PAGE); page <= Math.floor(Math.max(from, to - 1) / PAGE); page += 1) load(page);
    },
  };
}

// Which rows are in sight.
function useRange(box, total, height) {
  const [range, setRange] = useState([0, 40]);
  useLayoutEffect(() => {
    let waiting = 0;
    const look = () => {
      waiting = 0;
      if (!box.current) return;
      const top = -box.current.getBoundingClientRect().top;
      const first = Math.max(0, Math.floor(top / height) - SPARE);
      const last = Math.min(total, Math.ceil((top + innerHeight) / height) + SPARE);
      setRange((old) => (old[0] === first && old[1] === last ? old : [first, Math.max(first, last)]));
    };
    const soon = () => {
      waiting ||= requestAnimationFrame(look);
    };
    look();
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(waiting);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, [total, height]);
  return range;
}

const MOVES = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  PageDown: (at, many) => at + many,
  PageUp: (at, many) => at - many,
  Home: () => 0,
  End: () => Infinity,
};

// The first click on a column of amounts shows the largest first; the next turns it round.
function nextOrder(key, sort, order) {
  if (key === sort) return order === "up" ? "down" : "up";
  return key === "address" ? "up" : "down";
}

// `columns`: [key, title, class, may be sorted by]; `cells(row)` gives one content a column; `open(row)`.
export function LongList({ label, pages, columns, cells, name, open, height, sort, order, sortBy }) {
  const { total } = pages;
  const box = useRef(null);
  const [active, setActive] = useState(0);
  const wanted = useRef(null);
  const [first, last] = useRange(box, total, height);
  useEffect(() => pages.need(first, last));
  useEffect(() => {
    if (wanted.current === null) return;
    const row = box.current.querySelector(`[data-row="${wanted.current}"]`);
    if (row) {
      row.focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
      wanted.current = null;
    }
  });
  const move = (event) => {
    const step = MOVES[event.key];
    if (event.key === "Enter" || event.key === " ") {
      const row = pages.row(active);
      if (row && event.target.dataset.row !== undefined) {
        event.preventDefault();
        open(row);
      }
    } else if (step) {
      event.preventDefault();
      const to = Math.min(total - 1, Math.max(0, step(active, Math.floor(innerHeight / height) - 2)));
      wanted.current = to;
      setActive(to);
      const top = box.current.getBoundingClientRect().top + scrollY + to * height;
      if (top < scrollY + 120 || top > scrollY + innerHeight - 2 * height) scrollTo(0, top - innerHeight / 2);
    }
  };
  const indexes = [];
  for (let index = first; index < last; index += 1) indexes.push(index);
  const reachable = active >= first && active < last ? active : first;
  return html`<div class="long-list" role="grid" aria-label=${label} aria-rowcount=${total + 1} onKeyDown=${move}>
    <div role="rowgroup" class="long-head">
      <div role="row" aria-rowindex="1">
        ${columns.map(
          ([key, title, extra, sorts]) => html`<div key=${key} role="columnheader" class=${extra} aria-sort=${sorts && key === sort ? (order === "up" ? "ascending" : "descending") : undefined}>
            ${sorts
              ? html`<button type="button" class="sorter" onClick=${() => sortBy(key, nextOrder(key, sort, order))}>${title}${key === sort && html`<${Icon} name=${order === "up" ? "up" : "down"} size="14" />`}</button>`
              : title}
          </div>`,
        )}
      </div>
    </div>
    <div role="rowgroup" ref=${box} class="long-body" style=${{ height: `${total * height}px` }}>
      ${indexes.map((index) => {
        const row = pages.row(index);
        return html`<div
          key=${index}
          role="row"
          class=${row ? "long-row" : "long-row waiting"}
          data-row=${index}
          aria-rowindex=${index + 2}
          aria-label=${row && name(row)}
          tabindex=${index === reachable ? 0 : -1}
          style=${{ top: `${index * height}px`, height: `${height}px` }}
          onFocus=${() => setActive(index)}
          onClick=${() => row && open(row)}
        >
          ${row
            ? cells(row).map((cell, n) => html`<div key=${columns[n][0]} role="gridcell" class=${columns[n][2]}>${cell}</div>`)
            : html`<div role="gridcell" class="long-wait"></div>`}
        </div>`;
      })}
    </div>
  </div>`;
}
