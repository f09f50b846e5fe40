//! How well a connection must be encrypted: what the settings ask of a named server; what the world's servers publish: DANE
//! (RFC 7672) where DNS is signed, else MTA-STS (RFC 8461), else whatever both sides can (RFC 7435).

use std::{sync::Arc, time::Duration};

use super::{
    Means, Target,
    hello::{Closed, Guard},
    hosts::Host,
    session::{Session, answer},
};
use crate::{
    net::{
        Authorities, Distrust, Trust,
        dns::{Answer as Dns, Tlsa},
    },
    remote::{Failure, PolicyType, sts::Found},
    types::{Answer, Domain, Hop, HopTls},
    wire::sts::Mode,
};

/// What is asked of one connection.
pub(super) struct Demand {
    pub guard: Guard,
    /// Whose wish it is, for reports: None: the settings'.
    whose: Option<(Domain, PolicyType)>,
}

/// How long the system's authorities are not read again.
const DAY: Duration = Duration::from_secs(86_400);

impl Means {
    /// What is asked of this host; an answer where it may not be spoken to.
    pub async fn demand(self: &Arc<Self>, target: &Target, host: &Host) -> Result<Demand, Answer> {
        match target {
            Target::Direct(domain) => self.published(domain, host).await,
            Target::Relay(Hop { tls, .. }) | Target::Lmtp(Hop { tls, .. }) => {
                Ok(Demand { guard: self.of_settings(*tls).await, whose: None })
            }
        }
    }

    async fn of_settings(&self, tls: HopTls) -> Guard {
        match tls {
            HopTls::Off => Guard::Never,
            HopTls::Opportunistic => Guard::Maybe(Trust::Anyone),
            HopTls::Required => Guard::Must(Trust::Anyone),
            HopTls::Verified => Guard::Must(Trust::Authorities(self.authorities().await)),
            HopTls::Implicit => Guard::Implicit(Trust::Authorities(self.authorities().await)),
        }
    }

    /// RFC 8461 s2: where there is DANE, MTA-STS does not soften it.
    async fn published(self: &Arc<Self>, domain: &Domain, host: &Host) -> Result<Demand, Answer> {
        let demand = |guard, policy| Demand { guard, whose: Some((domain.clone(), policy)) };
        match self.dane(domain, host).await {
            Ok(Some(guard)) => Ok(demand(guard, PolicyType::Tlsa)),
            Ok(None) => self.sts(domain, host).await.map(|(guard, policy)| demand(guard, policy)),
            Err(why) => {
                self.report(domain, PolicyType::Tlsa, Some(Failure::Dnssec));
                let text = format!("the TLSA record of {} cannot be looked up now: {why}", host.name);
                Err(answer(self, "", 0, "4.7.5", &text))
            }
        }
    }

    /// RFC 7672 s2.2: only where the way to the host is signed from MX to address.
    async fn dane(&self, domain: &Domain, host: &Host) -> Result<Option<Guard>, String> {
        if !host.validated {
            return Ok(None);
        }
        match self.dns.tlsa(&format!("_{}._tcp.{}", host.port, host.name)).await {
            Dns::Found { records, validated: true } => {
                let names = vec![host.name.clone(), domain.as_str().to_owned()];
                Ok(Some(Guard::Must(dane_trust(records, names))))
            }
            Dns::Found { validated: false, .. } | Dns::NoName | Dns::NoData => Ok(None),
            Dns::Trouble(why) => Err(why),
        }
    }

    async fn sts(self: &Arc<Self>, domain: &Domain, host: &Host) -> Result<(Guard, PolicyType), Answer> {
        let anyone = (Guard::Maybe(Trust::Anyone), PolicyType::Nothing);
        let Some(sts) = self.sts.as_ref().filter(|_| !domain.is_literal()) else { return Ok(anyone) };
        let policy = match sts.of(&*self.dns, domain.as_str()).await {
            Found::Nothing => return Ok(anyone),
            Found::Unreachable => {
                self.report(domain, PolicyType::Sts, Some(Failure::StsFetch));
                return Ok(anyone);
            }
            Found::Policy(policy) => policy,
        };
        let authorities = self.authorities().await;
        let good = policy.allows(&host.name);
        match policy.mode {
            Mode::Enforce if good => Ok((Guard::Must(Trust::Authorities(authorities)), PolicyType::Sts)),
            Mode::Enforce => {
                self.report(domain, PolicyType::Sts, Some(Failure::Validation));
                let text = format!("host {} is not one of those that the MTA-STS policy of {domain} names", host.name);
                Err(answer(self, "", 0, "4.7.5", &text))
            }
            Mode::Testing | Mode::None => {
                if !good {
                    self.report(domain, PolicyType::Sts, Some(Failure::Validation));
                }
                Ok((Guard::Maybe(Trust::Watch(authorities)), PolicyType::Sts))
            }
        }
    }

    /// The system's authorities, read again after a day.
    async fn authorities(&self) -> Authorities {
        let now = self.clock.mono();
        let mut known = self.roots.lock().await;
        match &*known {
            Some((read, authorities)) if now.saturating_sub(*read) < DAY => authorities.clone(),
            Some(_) | None => {
                let read = self.worker.run(Authorities::of_system).await;
                let authorities = read.unwrap_or_else(|_| Authorities::of_pem(""));
                *known = Some((now, authorities.clone()));
                authorities
            }
        }
    }

    /// Counts how the encryption of a connection went.
    pub fn count(&self, demand: &Demand, opened: &Result<Session, Closed>) {
        let Some((domain, policy)) = &demand.whose else { return };
        let failure = match opened {
            Ok(session) if session.conn.tls().is_none() => Some(Failure::NoStarttls),
            Ok(session) => session.distrust.map(failure_of),
            Err(Closed::Handshake(_, distrust)) => Some(distrust.map_or(Failure::Validation, failure_of)),
            Err(Closed::NoTls(_)) => Some(Failure::NoStarttls),
            Err(Closed::Now(_) | Closed::Always(_) | Closed::Ourselves(_)) => return,
        };
        self.report(domain, *policy, failure);
    }

    fn report(&self, domain: &Domain, policy: PolicyType, failure: Option<Failure>) {
        self.reports.count(&self.clock.now().day(), domain.as_str(), policy, failure);
    }
}

fn failure_of(distrust: Distrust) -> Failure {
    match distrust {
        Distrust::Expired => Failure::Expired,
        Distrust::Name => Failure::HostMismatch,
        Distrust::Untrusted => Failure::NotTrusted,
    }
}

/// RFC 7672 s3.1.3, s2.2: records of other usages are of no use, and where there are only such, TLS is needed all the same.
fn dane_trust(records: Vec<Tlsa>, names: Vec<String>) -> Trust {
    let usable = |record: &Tlsa| matches!((record.usage, record.selector, record.matching), (2 | 3, 0 | 1, 0..=2));
    let records: Vec<Tlsa> = records.into_iter().filter(usable).collect();
    if records.is_empty() { Trust::Anyone } else { Trust::Dane { records, names } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_are_of_no_use_still_ask_for_tls() {
        let record = |usage, selector, matching| Tlsa { usage, selector, matching, data: vec![1] };
        let trust = dane_trust(vec![record(1, 1, 1), record(3, 1, 1), record(3, 2, 1), record(2, 0, 3)], Vec::new());
        assert!(matches!(trust, Trust::Dane { records, .. } if records == [record(3, 1, 1)]));
        assert!(matches!(dane_trust(vec![record(0, 0, 1)], Vec::new()), Trust::Anyone));
    }
}
