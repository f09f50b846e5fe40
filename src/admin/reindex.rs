//! `reindex` (POST): makes every record of `index.redb` again. `gatepost reindex` asks for it, or works on the files.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::{Answer, Desk, api::Request};
use crate::{
    journal::AdminEvent,
    mime::{Derived, Scanner},
    rt::Light,
    store::{Derive, Reindexed},
};

/// The line of the board.
const REINDEX: &str = "reindex";

/// What makes a record from a message: the store does not know how.
#[must_use]
pub fn derive() -> Arc<Derive> {
    Arc::new(|body| {
        let mut scanner = Scanner::default();
        while let Some(block) = body.next()? {
            scanner.feed(&block);
        }
        Ok(Derived::of(&scanner.finish()).encode())
    })
}

/// One at a time, and not beside a check; how far it is stands on the board.
pub(super) async fn reindex(desk: &Desk, _request: Request) -> Answer {
    let _alone = desk.begin_check()?;
    let board = &desk.house().board;
    let told = |octets| board.put(REINDEX, Light::Green, format!("running: {octets} octets read"));
    let done = desk.house().store.reindex(derive(), told).await;
    board.wipe(REINDEX);
    let done = done?;
    desk.house().journal.tell(AdminEvent::Reindexed { records: done.records, unread: done.unread });
    Ok(reindexed_json(&done))
}

/// What was made again, as the API and `gatepost reindex` give it.
pub fn reindexed_json(done: &Reindexed) -> Json {
    json!({ "records": done.records, "octets": done.octets, "unread": done.unread })
}
