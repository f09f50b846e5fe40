// What the whole page shares: who is logged in, where we are, the theme; and who wants to hear of a change.

const listeners = new Set();

export const shared = {
  // undefined: not asked yet; null: nobody is logged in; otherwise { name, read_only }.
  session: undefined,
  // Messages that go by themselves: { id, text, kind }.
  toasts: [],
};

export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// Something shared has changed: the page is drawn again.
export function tell() {
  for (const listener of listeners) listener();
}

// Storage may be forbidden: then a choice lasts until the page is closed.
export function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Nothing to do: see above.
  }
}

export function recall(name, allowed) {
  try {
    const value = localStorage.getItem(name);
    return allowed.includes(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

let toast = 0;

export function notify(text, kind = "good") {
  toast += 1;
  const id = toast;
  shared.toasts = [...shared.toasts.slice(-2), { id, text, kind }];
  tell();
  setTimeout(() => dismiss(id), kind === "good" ? 6000 : 12000);
}

export function dismiss(id) {
  shared.toasts = shared.toasts.filter((one) => one.id !== id);
  tell();
}

export const mayChange = () => shared.session?.read_only !== true;

// "system", "light" or "dark".
const THEMES = ["system", "light", "dark"];
let theme = recall("theme", THEMES) ?? "system";
document.documentElement.dataset.theme = theme;

export const themeNow = () => theme;
export const themes = THEMES;

export function setTheme(chosen) {
  theme = chosen;
  remember("theme", chosen);
  document.documentElement.dataset.theme = chosen;
  tell();
}
