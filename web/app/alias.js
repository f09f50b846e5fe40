// Aliases (G7, Q22): an address whose mail goes to one or many others.

import { html, useState } from "./lib.js";
import { Button, Confirm, Dialog, Entries, Failure, Field, FormDialog, Loading, useLoad } from "./ui.js";
import { AddressField } from "./mailbox.js";
import { t } from "./words.js";
import { mayChange, notify } from "./state.js";
import { at, post, put, remove } from "./api.js";

// Addresses to pick from while one types.
function Targets({ targets, change, error }) {
  const { data } = useLoad(at(["mailboxes"], { page: 1, per_page: 100 }));
  const suggest = (data?.mailboxes ?? []).map((one) => one.address).filter((one) => !targets.includes(one));
  return html`<${Field} label=${t("goes_to")} help=${t("targets_help")} name="targets" error=${error}>
    ${(given) => html`<${Entries} given=${given} entries=${targets} change=${change} add=${t("target_example")} suggest=${suggest} disabled=${!mayChange()} />`}
  <//>`;
}

export function AddAlias({ close, done, names, chosen }) {
  const [[local, domain], setAddress] = useState(["", chosen || names[0]]);
  const [targets, setTargets] = useState([]);
  const address = `${local.trim()}@${domain}`;
  const send = async () => {
    await post("aliases", { address, targets });
    notify(t("added_x", address));
    done();
  };
  return html`<${FormDialog} title=${t("new_alias")} close=${close} send=${send} word=${t("add")} ready=${local.trim() !== "" && targets.length > 0} known=${["address", "targets"]}>
    ${(wrong) => html`<p class="soft">${t("alias_lead")}</p>
      <${AddressField} label=${t("alias")} local=${local} domain=${domain} names=${names} change=${(name, to) => setAddress([name, to])} error=${wrong("address")} />
      <${Targets} targets=${targets} change=${setTargets} error=${wrong("targets")} />`}
  <//>`;
}

export function EditAlias({ address, close, done }) {
  const { data, error, reload } = useLoad(at(["aliases"], { search: address, page: 1, per_page: 100 }));
  const one = data?.aliases.find((alias) => alias.address === address);
  if (!one) {
    return html`<${Dialog} title=${address} close=${close} foot=${html`<${Button} onClick=${close}>${t("close")}<//>`}>
      ${error ? html`<${Failure} error=${error} retry=${reload} />` : data ? html`<p>${t("no_such_alias", address)}</p>` : html`<${Loading} />`}<//>`;
  }
  return html`<${Edit} one=${one} close=${close} done=${done} />`;
}

function Edit({ one, close, done }) {
  const [targets, setTargets] = useState(one.targets);
  const [removing, setRemoving] = useState(false);
  const send = async () => {
    await put(at(["aliases", one.address]), { targets });
    notify(t("saved_x", one.address));
    done();
  };
  const drop = async () => {
    await remove(at(["aliases", one.address]));
    notify(t("removed_x", one.address));
    done();
  };
  if (removing) {
    return html`<${Confirm} title=${t("remove_alias_q")} word=${t("remove")} close=${() => setRemoving(false)} send=${drop}><p>${t("remove_alias_text", one.address)}</p><//>`;
  }
  const same = targets.join() === one.targets.join();
  return html`<${FormDialog} title=${one.address} close=${close} send=${send} word=${t("save")} ready=${mayChange() && !same && targets.length > 0} known=${["targets"]}>
    ${(wrong) => html`<${Targets} targets=${targets} change=${setTargets} error=${wrong("targets")} />
      ${mayChange() && html`<div class="danger-zone"><${Button} kind="danger-quiet" icon="trash" onClick=${() => setRemoving(true)}>${t("remove_alias")}<//></div>`}`}
  <//>`;
}
