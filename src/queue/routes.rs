//! Which way a message leaves: the rules of the settings, the default relay, or the recipient's own servers. Pure.

use std::{fmt, sync::Arc};

use crate::{
    directory::Directory,
    settings::Settings,
    types::{Domain, Hop, NextHop, ReversePath, RouteRule},
};

/// Where one attempt goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// The servers of a domain.
    Mx(Domain),
    /// A server that sends it on.
    Relay(Hop),
    /// A store behind us.
    Lmtp(Hop),
    /// Nowhere.
    Discard,
    /// Mailboxes here: the domain has become ours since.
    Home,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Mx(domain) => domain.fmt(f),
            Route::Relay(hop) | Route::Lmtp(hop) if hop.host.contains(':') => write!(f, "[{}]:{}", hop.host, hop.port),
            Route::Relay(hop) | Route::Lmtp(hop) => write!(f, "{}:{}", hop.host, hop.port),
            Route::Discard => f.write_str("none"),
            Route::Home => f.write_str("local"),
        }
    }
}

/// The rules of the settings, and our domains.
pub(super) struct Routes {
    rules: Vec<RouteRule>,
    relay: Option<Hop>,
    directory: Arc<Directory>,
}

impl Routes {
    /// Of settings that were checked.
    pub fn of(settings: &Settings, directory: Arc<Directory>) -> Self {
        Routes {
            rules: settings.queue_routes.iter().filter_map(|text| RouteRule::parse(text)).collect(),
            relay: default_relay(settings),
            directory,
        }
    }

    /// The ways of one recipient, the next one for where nobody was reached by the one before. One or more.
    pub fn ways(&self, from: &ReversePath, to: &Domain) -> Vec<Route> {
        // As the pipeline routes what comes in: no rule leads our own mail away.
        if self.directory.is_ours(to) {
            return vec![Route::Home];
        }
        let fits = |rule: &&RouteRule| rule.fits(from.address(), to);
        // Of two that fit alike the first one holds.
        let best = self.rules.iter().rev().filter(|rule| fits(rule).is_some()).max_by_key(|rule| fits(rule));
        let way = |hop: &NextHop| match hop {
            NextHop::Direct => Route::Mx(to.clone()),
            NextHop::Relay(hop) => Route::Relay(hop.clone()),
            NextHop::Lmtp(hop) => Route::Lmtp(hop.clone()),
            NextHop::Discard => Route::Discard,
        };
        match (best, &self.relay) {
            (Some(rule), _) => rule.hops.iter().map(way).collect(),
            (None, Some(relay)) => vec![Route::Relay(relay.clone())],
            (None, None) => vec![Route::Mx(to.clone())],
        }
    }
}

/// B12; None: there is none.
pub(super) fn default_relay(settings: &Settings) -> Option<Hop> {
    let Settings { relay_host: host, relay_port: port, relay_tls: tls, .. } = settings;
    (!host.is_empty()).then(|| Hop { host: host.as_str().into(), port: *port, tls: *tls })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{directory::Change, types::Address};

    fn routes(relay: &str, rules: &[&str]) -> Routes {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let office = Change::AddDomain(Domain::parse("office.test").unwrap());
        let directory = Directory::default().apply(office).unwrap().directory;
        let settings = Settings { relay_host: relay.into(), queue_routes: rules, ..Settings::default() };
        Routes::of(&settings, Arc::new(directory))
    }

    fn ways(routes: &Routes, from: &str, to: &str) -> Vec<String> {
        let from = Address::parse(from).map_or(ReversePath::Null, ReversePath::Address);
        routes.ways(&from, &Domain::parse(to).unwrap()).iter().map(Route::to_string).collect()
    }

    #[test]
    fn without_rules_mail_goes_to_its_own_servers_or_to_the_relay() {
        assert_eq!(ways(&routes("", &[]), "ann@office.test", "example.org"), ["example.org"]);
        assert_eq!(ways(&routes("smtp.isp.test", &[]), "ann@office.test", "example.org"), ["smtp.isp.test:25"]);
        assert_eq!(ways(&routes("fd00::1", &[]), "", "example.org"), ["[fd00::1]:25"]);
    }

    #[test]
    fn what_has_become_ours_comes_home_whatever_the_rules_say() {
        let routes = routes("smtp.isp.test", &["office.test=lmtp:10.0.0.5", "*=discard"]);
        assert_eq!(ways(&routes, "bob@far.test", "office.test"), ["local"]);
        assert_eq!(ways(&routes, "bob@far.test", "sub.office.test"), ["none"]);
    }

    #[test]
    fn a_rule_holds_before_the_relay_and_names_ways_to_fall_back_to() {
        let rules = [
            "example.org=mx|relay:backup.test",
            "from:shop.test=relay:10.0.0.9:2525",
            "store.test=lmtp:10.0.0.5",
            "void.test=discard",
        ];
        let routes = routes("smtp.isp.test", &rules);
        assert_eq!(ways(&routes, "ann@office.test", "example.org"), ["example.org", "backup.test:25"]);
        assert_eq!(ways(&routes, "ann@shop.test", "else.test"), ["10.0.0.9:2525"]);
        assert_eq!(ways(&routes, "ann@shop.test", "store.test"), ["10.0.0.5:24"]);
        assert_eq!(ways(&routes, "", "void.test"), ["none"]);
        assert_eq!(ways(&routes, "", "else.test"), ["smtp.isp.test:25"]);
    }
}
