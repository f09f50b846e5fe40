//! How encryption with others went, counted by day, domain and policy, as reports (TLS-RPT, RFC 8460) want it and the page shows
//! it. No report is sent yet.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::limits;

/// What a domain asked for (RFC 8460 s4.4 `policy-type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyType {
    /// `no-policy-found`
    Nothing,
    /// `sts`
    Sts,
    /// `tlsa`
    Tlsa,
}

/// What went wrong (RFC 8460 s4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// `starttls-not-supported`
    NoStarttls,
    /// `certificate-host-mismatch`
    HostMismatch,
    /// `certificate-not-trusted`
    NotTrusted,
    /// `certificate-expired`
    Expired,
    /// `validation-failure`: a handshake that failed for another reason.
    Validation,
    /// `sts-policy-fetch-error`
    StsFetch,
    /// `dnssec-invalid`
    Dnssec,
}

impl PolicyType {
    /// Its word in a report.
    pub fn word(self) -> &'static str {
        match self {
            PolicyType::Nothing => "no-policy-found",
            PolicyType::Sts => "sts",
            PolicyType::Tlsa => "tlsa",
        }
    }
}

impl Failure {
    /// Its word in a report.
    pub fn word(self) -> &'static str {
        match self {
            Failure::NoStarttls => "starttls-not-supported",
            Failure::HostMismatch => "certificate-host-mismatch",
            Failure::NotTrusted => "certificate-not-trusted",
            Failure::Expired => "certificate-expired",
            Failure::Validation => "validation-failure",
            Failure::StsFetch => "sts-policy-fetch-error",
            Failure::Dnssec => "dnssec-invalid",
        }
    }
}

/// Counts of a day, a domain and a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that were encrypted as they should be.
    pub good: u64,
    /// Those that were not.
    pub bad: BTreeMap<Failure, u64>,
}

type Days = BTreeMap<String, BTreeMap<(String, PolicyType), Counts>>;

/// The counts of the last days; in memory only.
#[derive(Default)]
pub struct TlsReports(Mutex<Days>);

impl TlsReports {
    /// Counts one session.
    pub fn count(&self, day: &str, domain: &str, policy: PolicyType, failure: Option<Failure>) {
        let mut days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let domains = days.entry(day.to_owned()).or_default();
        let key = (domain.to_owned(), policy);
        if domains.len() < limits::TLSRPT_DOMAINS || domains.contains_key(&key) {
            let counts = domains.entry(key).or_default();
            match failure {
                None => counts.good += 1,
                Some(failure) => *counts.bad.entry(failure).or_default() += 1,
            }
        }
        while days.len() > limits::TLSRPT_DAYS {
            days.pop_first();
        }
    }

    /// Counts of all days that are remembered together, by domain and policy.
    pub fn all(&self) -> Vec<(String, PolicyType, Counts)> {
        let days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: BTreeMap<&(String, PolicyType), Counts> = BTreeMap::new();
        for (key, counts) in days.values().flatten() {
            let sum = all.entry(key).or_default();
            sum.good += counts.good;
            counts.bad.iter().for_each(|(failure, count)| *sum.bad.entry(*failure).or_default() += count);
        }
        all.into_iter().map(|((domain, policy), counts)| (domain.clone(), *policy, counts)).collect()
    }

    /// Counts of a day (`2036-07-01`, UTC), by domain and policy.
    pub fn of_day(&self, day: &str) -> Vec<(String, PolicyType, Counts)> {
        let days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let domains = days.get(day).into_iter().flatten();
        domains.map(|((domain, policy), counts)| (domain.clone(), *policy, counts.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stand_by_day_domain_and_policy_and_are_bounded() {
        let reports = TlsReports::default();
        reports.count("2036-07-01", "a.test", PolicyType::Sts, None);
        reports.count("2036-07-01", "a.test", PolicyType::Sts, Some(Failure::Expired));
        reports.count("2036-07-01", "a.test", PolicyType::Sts, Some(Failure::Expired));
        reports.count("2036-07-01", "a.test", PolicyType::Nothing, None);
        let day = reports.of_day("2036-07-01");
        assert_eq!(day.len(), 2);
        assert_eq!((day[1].2.good, day[1].2.bad[&Failure::Expired]), (1, 2));
        (0..5000).for_each(|n| reports.count("2036-07-02", &format!("{n}.test"), PolicyType::Nothing, None));
        assert_eq!(reports.of_day("2036-07-02").len(), limits::TLSRPT_DOMAINS);
        (3..9).for_each(|n| reports.count(&format!("2036-07-0{n}"), "a.test", PolicyType::Nothing, None));
        let all = reports.all();
        let (_, policy, counts) = all.iter().find(|(domain, ..)| domain == "a.test").unwrap();
        assert_eq!((*policy, counts.good, counts.bad.len()), (PolicyType::Nothing, 3, 0), "of the last three days");
        assert!(reports.of_day("2036-07-01").is_empty() && !reports.of_day("2036-07-08").is_empty());
    }
}
