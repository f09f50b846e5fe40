// A mail domain (G1, G2, G9): making it, its catch-all, what DNS needs, removing it.

import { html, useId, useState } from "./lib.js";
import { Button, Check, Confirm, Field, FormDialog, Notice, TextField, useLoad } from "./ui.js";
import { t } from "./words.js";
import { mayChange, notify } from "./state.js";
import { at, post, put, remove } from "./api.js";
import { Zone } from "./dns.js";

export function AddDomain({ close, done }) {
  const [name, setName] = useState("");
  const send = async () => {
    await post("domains", { name: name.trim() });
    notify(t("added_x", name.trim()));
    done();
  };
  return html`<${FormDialog} title=${t("new_domain")} close=${close} send=${send} word=${t("add")} ready=${name.trim() !== ""} known=${["name"]}>
    ${(wrong) => html`<${TextField} label=${t("mail_domain")} help=${t("domain_help")} name="name" value=${name} change=${setName} error=${wrong("name")} placeholder="office.example" autocomplete="off" autocapitalize="none" spellcheck="false" data-first />`}
  <//>`;
}

export function EditDomain({ domain, close, done }) {
  const [catchAll, setCatchAll] = useState(domain.catch_all ?? "");
  const [removing, setRemoving] = useState(false);
  const boxes = useLoad(at(["mailboxes"], { domain: domain.name, page: 1, per_page: 100 }));
  const list = useId();
  const send = async () => {
    await put(at(["domains", domain.name]), { catch_all: catchAll.trim() || null });
    notify(t("saved_x", domain.name));
    done();
  };
  if (removing) return html`<${RemoveDomain} domain=${domain} close=${() => setRemoving(false)} done=${done} />`;
  const ready = mayChange() && catchAll.trim() !== (domain.catch_all ?? "");
  return html`<${FormDialog} title=${domain.name} close=${close} send=${send} word=${t("save")} ready=${ready} known=${["catch_all"]}>
    ${(wrong) => html`
      <${Field} label=${t("catch_all")} hint=${t("optional")} help=${t("catch_all_help")} name="catch_all" error=${wrong("catch_all")}>
        ${(given) => html`<input type="text" ...${given} list=${list} value=${catchAll} placeholder=${t("none")} autocomplete="off" autocapitalize="none" spellcheck="false" onInput=${(e) => setCatchAll(e.target.value)} />
          <datalist id=${list}>${(boxes.data?.mailboxes ?? []).map((one) => html`<option value=${one.address} />`)}</datalist>`}
      <//>
      <${Zone} name=${domain.name} />
      ${mayChange() && html`<div class="danger-zone"><${Button} kind="danger-quiet" icon="trash" onClick=${() => setRemoving(true)}>${t("remove_domain")}<//></div>`}`}
  <//>`;
}

function RemoveDomain({ domain, close, done }) {
  const used = domain.mailboxes + domain.aliases > 0;
  const [purge, setPurge] = useState(false);
  const send = async () => {
    const { purging } = await remove(at(["domains", domain.name], { purge: purge ? 1 : undefined }));
    notify(purging > 1 ? `${t("removed_x", domain.name)}; ${t("purging", purging)}` : t("removed_x", domain.name));
    done();
  };
  return html`<${Confirm} title=${t("remove_domain_q")} word=${t("remove")} close=${close} send=${send} typed=${used ? domain.name : undefined}>
    <p>${t("remove_domain_text", domain.name)}</p>
    ${used &&
    html`<${Notice} kind="bad">${t("remove_domain_used", domain.mailboxes, domain.aliases)}<//>
      <${Check} label=${t("purge")} checked=${purge} change=${setPurge} />`}
  <//>`;
}
