// Icons as paths of a 24 x 24 field, drawn with the text's colour. They repeat what a word beside them says, so they are
// hidden from screen readers.

import { html } from "./lib.js";

const PATHS = {
  home: ["M4 11.5 12 5l8 6.5", "M6 10v9h12v-9"],
  settings: ["M4 7h9", "M17 7h3", "M4 17h3", "M11 17h9", "M15 5v4", "M9 15v4"],
  mail: ["M4 6h16v12H4z", "m4 7 8 6 8-6"],
  certificate: ["M12 3.5 5 6v5.5c0 4.2 2.9 7.3 7 9 4.1-1.7 7-4.8 7-9V6z", "m9 12 2.2 2.2L15.2 10"],
  journal: ["M6 4h12v16H6z", "M9 9h6", "M9 13h6", "M9 17h3"],
  people: ["M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6z", "M3.5 19c.4-3 2.5-4.5 5.5-4.5s5.1 1.5 5.5 4.5", "M16 5.5a3 3 0 0 1 0 5.2", "M17 14.7c2 .5 3.2 2 3.5 4.3"],
  plus: ["M12 5v14", "M5 12h14"],
  close: ["m6 6 12 12", "M18 6 6 18"],
  search: ["M11 17a6 6 0 1 0 0-12 6 6 0 0 0 0 12z", "m20 20-4.5-4.5"],
  edit: ["m5 19 .8-3.7L15.5 5.6l2.9 2.9-9.7 9.7z"],
  trash: ["M5 7h14", "M10 7V4.5h4V7", "m7 7 .8 12.5h8.4L17 7"],
  menu: ["M4 7h16", "M4 12h16", "M4 17h16"],
  down: ["m7 10 5 5 5-5"],
  up: ["m7 14 5-5 5 5"],
  left: ["m14 7-5 5 5 5"],
  right: ["m10 7 5 5-5 5"],
  warning: ["M12 4 2.8 19.5h18.4z", "M12 10v4.5", "M12 17v.2"],
  info: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M12 11v5", "M12 8v.2"],
  check: ["m5 12.5 4.5 4.5L19 7.5"],
  logout: ["M10 5H5v14h5", "M14 8l4 4-4 4", "M18 12H9"],
  sun: ["M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M12 3v1.5", "M12 19.5V21", "M3 12h1.5", "M19.5 12H21", "m5.6 5.6 1.1 1.1", "m17.3 17.3 1.1 1.1", "m5.6 18.4 1.1-1.1", "m17.3 6.7 1.1-1.1"],
  moon: ["M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7z"],
  system: ["M4 5h16v11H4z", "M9 20h6", "M12 16v4"],
  queue: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M12 7v5l3.5 2"],
  upload: ["M12 16V5", "m7.5 9.5 4.5-4.5 4.5 4.5", "M5 19h14"],
  download: ["M12 5v11", "m7.5 11.5 4.5 4.5 4.5-4.5", "M5 19h14"],
  key: ["M8 16.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M12 12.5h8.5", "M17 12.5v3.5"],
  history: ["M4.5 12A7.5 7.5 0 1 0 7 6.5L4.5 9", "M4.5 4.5V9H9", "M12 8v4.5l3 1.5"],
  link: ["M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1", "M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1"],
  globe: ["M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z", "M3.5 12h17", "M12 3c2.5 2.5 3.5 5.5 3.5 9s-1 6.5-3.5 9c-2.5-2.5-3.5-5.5-3.5-9S9.5 5.5 12 3z"],
  copy: ["M9 9h10v11H9z", "M15 9V4H5v11h4"],
  chart: ["M4 20h16", "M7 16v-5", "M12 16V6", "M17 16v-8"],
};

export function Icon({ name, size = 18 }) {
  return html`<svg class="icon" width=${size} height=${size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    ${PATHS[name].map((path) => html`<path d=${path} />`)}
  </svg>`;
}
