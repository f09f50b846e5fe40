// Names of the lines on the server's board: `smtp:25`, `store`, `certificate:mail`, `syslog:udp://...`.

import { has, t } from "./words.js";

export function boardName(name) {
  const [kind, ...rest] = name.split(":");
  if (!has(`board_${kind}`)) return name;
  const detail = rest.join(":");
  return detail && kind !== "journal" ? `${t(`board_${kind}`)} (${detail})` : t(`board_${kind}`);
}
