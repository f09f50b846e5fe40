// One's own password: the old one, then the new one. The server ends every other session of this administrator.

import { html, useState } from "./lib.js";
import { FormDialog, PasswordField, TextField } from "./ui.js";
import { useSetting } from "./mailbox.js";
import { t } from "./words.js";
import { notify } from "./state.js";
import { post } from "./api.js";

export function OwnPassword({ close }) {
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const least = useSetting("login.password_min", 8);
  const send = async () => {
    await post("password", { old, new: fresh });
    notify(t("password_changed"));
    close();
  };
  return html`<${FormDialog} title=${t("change_password")} close=${close} send=${send} word=${t("save")} ready=${old !== "" && fresh !== ""} known=${["old", "new", "password"]}>
    ${(wrong) => html`<${TextField} type="password" label=${t("old_password")} name="old" value=${old} change=${setOld} error=${wrong("old")} autocomplete="current-password" data-first />
      <${PasswordField} label=${t("new_password")} name="new" value=${fresh} change=${setFresh} least=${least} error=${wrong("new") ?? wrong("password")} />
      <p class="soft">${t("change_password_lead")}</p>`}
  <//>`;
}
