//! The DNS zone of a domain (G9): what should stand in it beside what stands there, asked for when an administrator looks.

mod judge;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use serde_json::{Value as Json, json};

use super::{Answer, Desk, api::Request, dkim::known, language::words};
use crate::{
    net::dns::{self, Resolver},
    settings::Settings,
};
use judge::{Facts, Found, Row};

/// Addresses of the server that are looked up backwards.
const ADDRESSES: usize = 4;

/// Every record of a domain: wanted, found, and what to think of it.
pub(super) async fn check(desk: &Desk, request: Request) -> Answer {
    let name = known(desk, &request)?;
    let (settings, ring) = (desk.house().settings.get(), desk.house().keyring.get());
    let facts = Facts {
        domain: name.as_str(),
        server: &settings.server_name,
        keys: ring.of(&name),
        by_relay: !settings.relay_host.is_empty(),
        ports: ports(&settings),
    };
    let found = ask(&desk.house().resolver, &facts).await;
    let rows: Vec<Json> = judge::judge(&facts, &found).iter().map(describe).collect();
    Ok(json!({ "domain": name.as_str(), "server": settings.server_name, "records": rows }))
}

fn ports(settings: &Settings) -> [(&'static str, u16); 3] {
    let open = |on: bool, port: u16| if on && settings.ssl { port } else { 0 };
    [
        ("submissions", open(settings.smtp_enabled, settings.smtps_port)),
        ("imaps", open(settings.imap_enabled, settings.imaps_port)),
        ("pop3s", open(settings.pop3_enabled, settings.pop3s_port)),
    ]
}

/// One question after the other: this is a look of a person, and each has its own time limit.
async fn ask(resolver: &Arc<dyn Resolver>, facts: &Facts<'_>) -> Found {
    let addresses = resolver.addresses(facts.server).await;
    let mut names = Vec::new();
    for ip in of(&addresses).iter().take(ADDRESSES) {
        names.push((*ip, resolver.ptr(*ip).await));
    }
    let mut texts = BTreeMap::new();
    for name in judge::text_names(facts) {
        let answer = resolver.txt(&name).await;
        texts.insert(name, answer);
    }
    let mut services = BTreeMap::new();
    for (name, _) in judge::service_names(facts) {
        let answer = resolver.srv(&name).await;
        services.insert(name, answer);
    }
    let autoconfig = resolver.addresses(&format!("autoconfig.{}", facts.domain)).await;
    Found { mx: resolver.mx(facts.domain).await, addresses, names, texts, services, autoconfig }
}

fn of(addresses: &dns::Answer<IpAddr>) -> &[IpAddr] {
    match addresses {
        dns::Answer::Found { records, .. } => records,
        dns::Answer::NoName | dns::Answer::NoData | dns::Answer::Trouble(_) => &[],
    }
}

fn describe(row: &Row) -> Json {
    let Row { what, name, kind, wanted, found, state, why } = row;
    let zone = if wanted.is_empty() || *kind == "PTR" { None } else { Some(format!("{name}. IN {kind} {wanted}")) };
    json!({
        "what": what, "name": name, "type": kind, "wanted": wanted, "found": found, "state": state.word(),
        "why": why, "why_words": words(why), "zone": zone,
    })
}
