// A button that opens a short list of things to do. Arrow keys walk, Escape closes and gives the focus back.

import { html, useId, useLayoutEffect, useRef, useState } from "./lib.js";
import { Icon } from "./icons.js";
import { Button } from "./ui.js";

// `items`: [icon, word, action, kind].
export function Menu({ icon, word, kind, items, disabled }) {
  const [open, setOpen] = useState(false);
  const box = useRef(null);
  const id = useId();
  useLayoutEffect(() => {
    if (!open) return undefined;
    box.current.querySelector('[role="menuitem"]').focus();
    const outside = (event) => box.current?.contains(event.target) || setOpen(false);
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current.querySelector("button").focus();
  };
  const keys = (event) => {
    if (!open) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    }
    if (event.key === "Tab") setOpen(false);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = [...box.current.querySelectorAll('[role="menuitem"]')];
    const next = (all.indexOf(document.activeElement) + step + all.length) % all.length;
    all[next].focus();
  };
  return html`<div class="menu" ref=${box} onKeyDown=${keys}>
    <${Button} kind=${kind} icon=${icon} disabled=${disabled} aria-haspopup="menu" aria-expanded=${String(open)} aria-controls=${open ? id : undefined} onClick=${() => setOpen(!open)}>
      ${word} <${Icon} name="down" size="16" />
    <//>
    ${open &&
    html`<ul role="menu" id=${id} aria-label=${word}>
      ${items.map(
        ([itemIcon, itemWord, action, itemKind]) => html`<li role="none"><button type="button" role="menuitem" class=${itemKind} tabindex="-1" onClick=${() => (close(), action())}>
          <${Icon} name=${itemIcon} /><span>${itemWord}</span></button></li>`,
      )}
    </ul>`}
  </div>`;
}
