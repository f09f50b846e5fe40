//! Names on the board who has sent all that he may (Q13), and keeps the counts of all, so that a restart does not open the gates:
//! every ten minutes in which somebody sent, and at the end. What was sent in the last minutes before a pulled plug is not counted.

use std::{sync::Arc, time::Duration};

use crate::{
    journal::{Journal, ServiceEvent},
    policy::Policy,
    rt::{Board, Light, Stop, timeout},
    store::{Row, Store, Write},
};

/// Kind and key of the row in `system.redb`.
const ROW: (&str, &str) = ("sent", "counts");
/// The line of the board.
const LINE: &str = "limits";
/// How often it looks.
const PERIOD: Duration = Duration::from_secs(20);
/// Looks between two writes.
const TURNS: u32 = 30;
/// Mailboxes that are named in one line.
const NAMED: usize = 5;

/// What it works with.
pub(super) struct Means {
    pub policy: Arc<Policy>,
    pub store: Store,
    pub journal: Journal,
    pub board: Board,
}

/// Looks until the stop sign.
pub(super) async fn watch(means: Means, stop: Stop) {
    load(&means).await;
    let mut turn = 0;
    while !stop.is_set() {
        show(&means);
        // None: the period is over.
        let _ = timeout(PERIOD, stop.wait()).await;
        turn += 1;
        if turn % TURNS == 0 {
            save(&means).await;
        }
    }
    save(&means).await;
}

async fn load(means: &Means) {
    let (kind, key) = ROW;
    match means.store.rows(kind).await {
        Ok(rows) => {
            let row = rows.iter().find(|row| row.key == key);
            let text = row.map(|row| String::from_utf8_lossy(&row.value).into_owned());
            means.policy.remember_sent(&text.unwrap_or_default());
        }
        Err(error) => note(means, format!("how much users sent is not known from before the start: {error}")),
    }
}

async fn save(means: &Means) {
    let Some(text) = means.policy.sent() else { return };
    let (kind, key) = ROW;
    let row = Row { kind: kind.to_owned(), key: key.to_owned(), value: text.into_bytes() };
    if let Err(error) = means.store.write(vec![Write::Put(row)]).await {
        note(means, format!("how much users sent cannot be kept: {error}"));
    }
}

fn note(means: &Means, text: String) {
    means.journal.tell(ServiceEvent::Note { grave: false, text });
}

fn show(means: &Means) {
    let stopped = means.policy.stopped();
    if stopped.is_empty() {
        return means.board.wipe(LINE);
    }
    let mut names: Vec<String> = stopped.iter().take(NAMED).map(ToString::to_string).collect();
    if stopped.len() > NAMED {
        names.push("...".to_owned());
    }
    let who = names.join(", ");
    let text = format!("sent as much as allowed and must wait, see whether somebody else uses the mailbox: {who}");
    means.board.put(LINE, Light::Yellow, text);
}
