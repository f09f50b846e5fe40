// Asks for the appliance's time zone.

import { get } from "./api.js";
import { setZone } from "./words.js";

// The appliance's time zone, before the first time is shown.
export async function learn() {
  const start = await get("start").catch(() => undefined);
  setZone(start?.zone);
}
