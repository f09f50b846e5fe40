// The door of the vendored libraries: templates, rendering, hooks. Nothing else names a file of vendor/.
// Text in a template is always a text node; dangerouslySetInnerHTML stands nowhere (tests/page holds it).

import { h, Fragment, render } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export { Fragment, render };
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
export const html = htm.bind(h);
