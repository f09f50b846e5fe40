// What the server tells by itself (A20, A21): one stream for the whole page, opened while somebody listens. A stream that ends
// is opened again, each time a little later; whoever listens hears "lost" and "open" and may fetch what was missed.
// "gap": the server itself left something out.

const FIRST = 1000;
const LAST = 30000;
const KINDS = ["line", "feed", "status", "gap"];

const listeners = new Set();
let source = null;
let pause = FIRST;
let timer = 0;
let state = "closed";

function say(kind, data) {
  if (kind === "lost" || kind === "open") state = kind;
  for (const listener of listeners) listener(kind, data);
}

function open() {
  source = new EventSource("api/events");
  source.onopen = () => {
    pause = FIRST;
    say("open");
  };
  source.onerror = () => {
    source.close();
    source = null;
    say("lost");
    timer = setTimeout(open, pause);
    pause = Math.min(pause * 2, LAST);
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      let data;
      try {
        data = JSON.parse(event.data);
      } catch {
        return;
      }
      say(kind, data);
    });
  }
}

// `listener(kind, data)`; gives the way to stop.
export function follow(listener) {
  listeners.add(listener);
  if (!source && !timer) open();
  else if (state !== "closed") listener(state);
  return () => {
    listeners.delete(listener);
    if (listeners.size) return;
    clearTimeout(timer);
    timer = 0;
    source?.close();
    source = null;
    state = "closed";
    pause = FIRST;
  };
}

// A tab that is looked at again does not wait for the next try.
addEventListener("online", () => {
  if (source || !listeners.size) return;
  clearTimeout(timer);
  open();
});
