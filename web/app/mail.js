// Domains and mailboxes (G1-G7): domains at the side, the mailboxes and aliases of the chosen one beside them.

import { html, useState } from "./lib.js";
import { Icon } from "./icons.js";
import { Badge, Button, Choice, Empty, Failure, Loading, Meter, SearchBox, Select, useLoad, useNarrow, useSettled } from "./ui.js";
import { Head } from "./shell.js";
import { Menu } from "./menu.js";
import { LongList, usePages } from "./list.js";
import { AddMailbox, EditMailbox } from "./mailbox.js";
import { AddAlias, EditAlias } from "./alias.js";
import { AddDomain, EditDomain } from "./domain.js";
import { number, size, t } from "./words.js";
import { mayChange } from "./state.js";
import { go, link, route, turn } from "./route.js";
import { at } from "./api.js";

export function Mail() {
  const { path, query } = route();
  const chosen = path[1] ?? "";
  const domains = useLoad("domains");
  const [version, setVersion] = useState(0);
  const changed = () => {
    domains.reload();
    setVersion((n) => n + 1);
  };
  const list = domains.data?.domains ?? [];
  const add = (what) => turn({ add: what });
  const tools = html`<${Menu}
    kind="main"
    icon="plus"
    word=${t("add")}
    disabled=${!mayChange()}
    items=${[
      ["mail", t("mailbox"), () => add("mailbox")],
      ["link", t("alias"), () => add("alias")],
      ["globe", t("mail_domain"), () => add("domain")],
    ]}
  />`;
  return html`<${Head} title=${t("domains_and_mailboxes")} tools=${tools} />
    <${Failure} error=${domains.error} retry=${domains.reload} />
    ${!domains.data && !domains.error && html`<${Loading} />`}
    ${domains.data &&
    (list.length === 0
      ? html`<div class="card"><${Empty} icon="globe" title=${t("no_domains")}>
          <p>${t("no_domains_todo")}</p>
          <p><${Button} kind="main" icon="plus" disabled=${!mayChange()} onClick=${() => add("domain")}>${t("add_domain")}<//></p>
        <//></div>`
      : html`<div class="split">
          <${Domains} list=${list} chosen=${chosen} />
          <${Contents} key=${chosen} list=${list} chosen=${chosen} version=${version} />
        </div>`)}
    <${Dialogs} query=${query} list=${list} chosen=${chosen} changed=${changed} />`;
}

function Domains({ list, chosen }) {
  const narrow = useNarrow(900);
  const keep = { tab: route().query.tab };
  const all = list.reduce((sum, one) => sum + one.mailboxes, 0);
  if (narrow) {
    const options = [["", t("all_domains")], ...list.map((one) => [one.name, one.name])];
    return html`<${Select} aria-label=${t("mail_domain")} options=${options} value=${chosen} change=${(name) => go(name ? ["mail", name] : ["mail"], keep)} />`;
  }
  const entry = (name, word, many) => html`<li><a href=${link(name ? ["mail", name] : ["mail"], keep)} aria-current=${name === chosen ? "true" : undefined}>
    <span>${word}</span><span class="count">${number(many)}</span></a></li>`;
  return html`<nav class="card side-list" aria-label=${t("domains")}>
    <ul>${entry("", t("all_domains"), all)}${list.map((one) => entry(one.name, one.name, one.mailboxes))}</ul>
  </nav>`;
}

function Contents({ list, chosen, version }) {
  const { query } = route();
  const domain = list.find((one) => one.name === chosen);
  const tab = query.tab === "aliases" ? "aliases" : "mailboxes";
  const [typed, setTyped] = useState(query.search ?? "");
  const search = useSettled(typed);
  if (chosen && !domain) {
    return html`<div class="card"><${Empty} icon="search" title=${t("no_such_domain", chosen)}><a href="#/mail">${t("all_domains")}</a><//></div>`;
  }
  const count = (what) => list.filter((one) => !chosen || one.name === chosen).reduce((sum, one) => sum + one[what], 0);
  return html`<div class="stack">
    ${domain && html`<${DomainHead} domain=${domain} />`}
    <section class="card flush" aria-label=${chosen || t("all_domains")}>
      <div class="list-tools">
        <${Choice} label=${t("what_to_show")} value=${tab} change=${(to) => turn({ tab: to === "mailboxes" ? undefined : to })}
          options=${[["mailboxes", `${t("mailboxes")} ${number(count("mailboxes"))}`], ["aliases", `${t("aliases")} ${number(count("aliases"))}`]]} />
        <${SearchBox} value=${typed} change=${setTyped} label=${tab === "aliases" ? t("search_aliases") : t("search_mailboxes")} placeholder=${t("search")} />
      </div>
      ${tab === "aliases"
        ? html`<${Aliases} key="a" domain=${chosen} search=${search} version=${version} />`
        : html`<${Mailboxes} key="m" domain=${chosen} search=${search} version=${version} />`}
    </section>
  </div>`;
}

function DomainHead({ domain }) {
  return html`<section class="card domain-head" aria-label=${domain.name}>
    <div>
      <h2>${domain.name}</h2>
      <p class="soft">${t("in_domain", domain.mailboxes, domain.aliases)}</p>
      <p>${domain.catch_all ? t("catch_all_is", domain.catch_all) : t("catch_all_none")}</p>
    </div>
    <${Button} icon="edit" onClick=${() => turn({ domain: domain.name })}>${t("domain_settings")}<//>
  </section>`;
}

// Nothing found, or nothing there yet: what to do.
function Nothing({ search, icon, none, todo, word, add }) {
  if (search) return html`<${Empty} icon="search" title=${t("nothing_found", search)}>${t("nothing_found_todo")}<//>`;
  return html`<${Empty} icon=${icon} title=${none}><p>${todo}</p>
    <p><${Button} kind="main" icon="plus" disabled=${!mayChange()} onClick=${add}>${word}<//></p><//>`;
}

function Mailboxes({ domain, search, version }) {
  const narrow = useNarrow();
  const { sort, order } = route().query;
  const pages = usePages("mailboxes", (page, per_page) => at(["mailboxes"], { domain, search, sort, order, page, per_page }), version);
  if (pages.error) return html`<${Failure} error=${pages.error} retry=${pages.retry} />`;
  if (pages.total === undefined) return html`<${Loading} />`;
  if (pages.total === 0) {
    return html`<${Nothing} search=${search} icon="mail" none=${t("no_mailboxes")} todo=${t("no_mailboxes_todo")} word=${t("add_mailbox")} add=${() => turn({ add: "mailbox" })} />`;
  }
  const columns = [
    ["address", t("address"), "wide", true],
    ["bytes", t("usage"), "usage", true],
    ["messages", t("messages"), "number", true],
    ["state", t("state"), "state"],
  ];
  const cells = (one) => [
    html`<span class="strong">${one.address}</span>${one.owner && html`<span class="soft second">${one.owner}</span>`}`,
    html`<${Usage} one=${one} />`,
    one.messages === null ? "—" : narrow ? t("n_messages", one.messages) : number(one.messages),
    one.enabled ? html`<${Badge} kind="good">${t("on_m")}<//>` : html`<${Badge}>${t("off_m")}<//>`,
  ];
  return html`<${LongList} label=${t("mailboxes")} pages=${pages} columns=${columns} cells=${cells} height=${narrow ? 84 : 56}
    name=${(one) => one.address} open=${(one) => turn({ edit: one.address })} sort=${sort ?? "address"} order=${order ?? "up"}
    sortBy=${(by, to) => turn({ sort: by === "address" && to === "up" ? undefined : by, order: to === "up" ? undefined : to }, { replace: true })} />`;
}

export function Usage({ one }) {
  if (one.bytes === null) return html`<span class="soft">${t("unknown")}</span>`;
  if (one.quota === null) return html`<span>${size(one.bytes)}</span><span class="soft second">${t("no_quota")}</span>`;
  const text = t("x_of_y", size(one.bytes), size(one.quota));
  return html`<span>${text}</span><${Meter} value=${one.bytes} max=${one.quota} label=${t("usage")} text=${text} />`;
}

function Aliases({ domain, search, version }) {
  const narrow = useNarrow();
  const pages = usePages("aliases", (page, per_page) => at(["aliases"], { domain, search, page, per_page }), version);
  if (pages.error) return html`<${Failure} error=${pages.error} retry=${pages.retry} />`;
  if (pages.total === undefined) return html`<${Loading} />`;
  if (pages.total === 0) {
    return html`<${Nothing} search=${search} icon="link" none=${t("no_aliases")} todo=${t("no_aliases_todo")} word=${t("add_alias")} add=${() => turn({ add: "alias" })} />`;
  }
  const columns = [["address", t("alias"), "wide"], ["targets", t("goes_to"), "wide"]];
  const cells = (one) => [
    html`<span class="strong">${one.address}</span>`,
    html`<span class="targets"><${Icon} name="right" size="16" /><span>${one.targets.slice(0, 2).join(", ")}</span>${one.targets.length > 2 && html`<${Badge}>${t("and_more", one.targets.length - 2)}<//>`}</span>`,
  ];
  return html`<${LongList} label=${t("aliases")} pages=${pages} columns=${columns} cells=${cells} height=${narrow ? 76 : 52}
    name=${(one) => one.address} open=${(one) => turn({ alias: one.address })} />`;
}

function Dialogs({ query, list, chosen, changed }) {
  const close = () => turn({ add: undefined, edit: undefined, alias: undefined, domain: undefined }, { replace: true });
  const done = () => {
    changed();
    close();
  };
  const names = list.map((one) => one.name);
  // A new address goes to the chosen domain, or to the one that most have.
  const largest = list.reduce((most, one) => (one.mailboxes > (most?.mailboxes ?? -1) ? one : most), undefined);
  const given = { close, done, changed, names, chosen: chosen || largest?.name };
  if (query.add === "domain") return html`<${AddDomain} ...${given} />`;
  if (query.add && names.length === 0) return null;
  if (query.add === "mailbox") return html`<${AddMailbox} ...${given} />`;
  if (query.add === "alias") return html`<${AddAlias} ...${given} />`;
  if (query.edit) return html`<${EditMailbox} key=${query.edit} ...${given} address=${query.edit} />`;
  if (query.alias) return html`<${EditAlias} key=${query.alias} ...${given} address=${query.alias} />`;
  const domain = list.find((one) => one.name === query.domain);
  return domain ? html`<${EditDomain} key=${domain.name} ...${given} domain=${domain} />` : null;
}
