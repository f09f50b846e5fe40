//! The DNS zone of a domain (G9): what should stand in it beside what stands there, asked for when an administrator looks.

mod judge;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use serde_json::{Value as Json, json};

use super::{Answer, Desk, api::Request, dkim::known, language::words};
use crate::{
    net::dns::{self, Resolver},
    rt::{Clock, timeout},
    settings::Settings,
};
use judge::{Facts, Found, Row};

/// How long a look may last.
const PATIENCE: Duration = Duration::from_secs(10);
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
    let clock = &*desk.house().clock;
    let look = Look { resolver: &desk.house().resolver, clock, until: clock.mono() + PATIENCE };
    let found = look.ask(&facts).await;
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

/// A look at name servers that ends: each look holds a thread that answers requests.
struct Look<'a> {
    resolver: &'a Arc<dyn Resolver>,
    clock: &'a dyn Clock,
    /// Of the clock that never steps.
    until: Duration,
}

impl Look<'_> {
    /// The answer, if it comes before the look ends.
    async fn hear<T>(&self, question: impl Future<Output = dns::Answer<T>>) -> dns::Answer<T> {
        let left = self.until.saturating_sub(self.clock.mono());
        timeout(left, question).await.unwrap_or_else(|| dns::Answer::Trouble("no answer in time".to_owned()))
    }

    /// One question after the other; servers that say nothing leave the later ones unanswered.
    async fn ask(&self, facts: &Facts<'_>) -> Found {
        let resolver = self.resolver;
        let mx = self.hear(resolver.mx(facts.domain)).await;
        let addresses = self.hear(resolver.addresses(facts.server)).await;
        let mut names = Vec::new();
        for ip in of(&addresses).iter().take(ADDRESSES) {
            names.push((*ip, self.hear(resolver.ptr(*ip)).await));
        }
        let mut texts = BTreeMap::new();
        for name in judge::text_names(facts) {
            let answer = self.hear(resolver.txt(&name)).await;
            texts.insert(name, answer);
        }
        let mut services = BTreeMap::new();
        for (name, _) in judge::service_names(facts) {
            let answer = self.hear(resolver.srv(&name)).await;
            services.insert(name, answer);
        }
        let autoconfig = self.hear(resolver.addresses(&format!("autoconfig.{}", facts.domain))).await;
        Found { mx, addresses, names, texts, services, autoconfig }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::{SystemClock, block_on};

    /// Name servers that never say anything.
    struct Silent;

    impl Resolver for Silent {
        fn ask<'a>(&'a self, _: dns::Kind, _: &'a str) -> dns::Asking<'a> {
            Box::pin(std::future::pending())
        }
    }

    #[test]
    fn a_look_at_servers_that_say_nothing_ends_and_calls_nothing_missing() {
        let (resolver, clock) = (Arc::new(Silent) as Arc<dyn Resolver>, SystemClock::start());
        let until = clock.mono() + Duration::from_millis(30);
        let look = Look { resolver: &resolver, clock: &clock, until };
        let ports = [("submissions", 465), ("imaps", 993), ("pop3s", 0)];
        let facts = Facts { domain: "office.test", server: "mail.office.test", keys: &[], by_relay: false, ports };
        let rows = judge::judge(&facts, &block_on(look.ask(&facts)));
        assert!(rows.iter().all(|row| row.state.word() == "unknown"), "{rows:?}");
        assert_eq!(rows.first().map(|row| row.why.as_str()), Some("the name servers do not answer: no answer in time"));
    }
}
