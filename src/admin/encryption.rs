//! How encryption with the servers that we send to went (TLS-RPT's counts, RFC 8460), and whether DNS is checked (DANE needs it).

use std::cmp::Reverse;

use serde_json::{Value as Json, json};

use super::{Answer, Desk, api::Request, start::told};
use crate::remote::{Counts, PolicyType};

/// Destinations that are listed; those with trouble come first.
const LISTED: usize = 200;
/// The line of the board.
const DNSSEC: &str = "dnssec";

/// `queue/tls`
pub(super) async fn list(desk: &Desk, _request: Request) -> Answer {
    let house = desk.house();
    let mut counts = house.tls.all();
    counts.sort_by_key(|(_, _, counts)| (Reverse(bad(counts)), Reverse(counts.good)));
    let board = house.board.all();
    Ok(json!({
        "dnssec": board.get(DNSSEC).map(|state| told(DNSSEC, state)),
        "total": counts.len(),
        "domains": counts.iter().take(LISTED).map(one).collect::<Vec<_>>(),
    }))
}

fn bad(counts: &Counts) -> u64 {
    counts.bad.values().sum()
}

fn one((domain, policy, counts): &(String, PolicyType, Counts)) -> Json {
    let failed: Vec<Json> =
        counts.bad.iter().map(|(why, count)| json!({ "why": why.word(), "count": count })).collect();
    json!({ "domain": domain, "policy": policy.word(), "good": counts.good, "bad": bad(counts), "failed": failed })
}
