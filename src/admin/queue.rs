//! The queue over the API (K1-K5): pages of what waits, one row with its message's head, and what an administrator does with rows
//! (deleting is `unqueue`).

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{Answer, ApiError, Caller, Desk, api::Request, api::domain};
use crate::{
    journal::AdminEvent,
    limits,
    mime::advice::{self, Both},
    remote::{Dialogue, Said},
    store::{QueueFilter, QueueOrder, QueueRows, QueueStage},
    types::{Address, BodyId, Hold, QueueId, RowId, Waiting},
};

/// Rows of a page where nobody says how many, and at most.
const PAGE: u64 = 100;
const MOST: u64 = 2000;

/// A filter as the API writes it; the same words as in the query.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    search: String,
    sender: String,
    recipient: String,
    domain: String,
    state: String,
    message: String,
}

/// Rows that something is done to; one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meant {
    pub rows: Option<Vec<u64>>,
    pub filter: Option<Wanted>,
}

impl Wanted {
    fn of(request: &Request) -> Self {
        let text = |name| request.text(name).to_owned();
        Wanted {
            search: text("search"),
            sender: text("sender"),
            recipient: text("recipient"),
            domain: text("domain"),
            state: text("state"),
            message: text("message"),
        }
    }

    fn filter(&self) -> Result<QueueFilter, ApiError> {
        let part = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(QueueFilter {
            text: part(&self.search),
            sender: part(&self.sender),
            recipient: part(&self.recipient),
            domain: part(&self.domain).map(|text| domain("domain", &text)).transpose()?,
            stage: part(&self.state).map(|text| stage(&text)).transpose()?,
            body: part(&self.message).map(|text| message(&text)).transpose()?,
        })
    }
}

impl Meant {
    pub fn rows(self) -> Result<QueueRows, ApiError> {
        match (self.rows, self.filter) {
            (Some(rows), None) => Ok(QueueRows::Ids(rows.into_iter().map(RowId).collect())),
            (None, Some(wanted)) => Ok(QueueRows::Fitting(wanted.filter()?)),
            (Some(_), Some(_)) | (None, None) => Err(ApiError::new(
                422,
                "one of rows and filter must be there",
                "name rows, or a filter; an empty one means all",
            )),
        }
    }
}

fn stage(text: &str) -> Result<QueueStage, ApiError> {
    match text {
        "new" => Ok(QueueStage::Fresh),
        "deferred" => Ok(QueueStage::Deferred),
        "held" => Ok(QueueStage::Held),
        _ => Err(ApiError::field("state", "must be new, deferred or held")),
    }
}

fn stage_word(stage: QueueStage) -> &'static str {
    match stage {
        QueueStage::Fresh => "new",
        QueueStage::Deferred => "deferred",
        QueueStage::Held => "held",
    }
}

fn message(text: &str) -> Result<BodyId, ApiError> {
    let number = u64::from_str_radix(text, 16);
    number.map(BodyId).map_err(|_| ApiError::field("message", "must be the name of a message in the journal"))
}

/// A page of it; `behind` is the row to go on behind, `order` down begins with the newest.
pub(super) async fn list(desk: &Desk, request: Request) -> Answer {
    let store = &desk.house().store;
    let order = match request.text("order") {
        "" | "up" => QueueOrder::Oldest,
        "down" => QueueOrder::Newest,
        _ => return Err(ApiError::field("order", "must be up or down")),
    };
    let max = request.number("max")?.unwrap_or(PAGE).clamp(1, MOST);
    let behind = request.number("behind")?.map(RowId);
    let filter = Wanted::of(&request).filter()?;
    let page = store.waiting(filter, order, behind, usize::try_from(max).unwrap_or(usize::MAX)).await?;
    let count = store.queue_count().await?;
    Ok(json!({
        "rows": page.rows.iter().map(row_json).collect::<Vec<_>>(),
        "next": page.next.map(|id| id.0),
        "total": count.total,
        "held": count.held,
        "next_try": count.next_try.map(|at| at.0),
    }))
}

/// One row, with the head of its message.
pub(super) async fn row(desk: &Desk, request: Request) -> Answer {
    let store = &desk.house().store;
    let id = request.at(0).parse().map_err(|_| ApiError::field("row", "must be a whole number"))?;
    let row = store.waiting_one(RowId(id)).await?;
    let mut out = row_json(&row);
    // What cannot be read is null: the row is shown all the same.
    let body = store.body(row.body).await.ok();
    let start = match body {
        Some(body) => body.read(0, limits::HEADER_FREE).await.ok(),
        None => None,
    };
    out["head"] = start.map(|octets| head(&octets)).into();
    out["dialogue"] = desk.house().tap.of_row(row.id).first().map(|dialogue| dialogue_json(dialogue)).into();
    Ok(out)
}

/// What was said at the last attempt that is remembered.
fn dialogue_json(dialogue: &Dialogue) -> Json {
    let line = |said: &Said| json!({ "after_ms": said.after_ms, "who": said.who.mark(), "text": said.text });
    json!({
        "began": dialogue.began.0,
        "destination": dialogue.destination,
        "lines": dialogue.lines.iter().map(line).collect::<Vec<_>>(),
    })
}

/// The header section as a text, as much of it as was read.
fn head(octets: &[u8]) -> String {
    let end = octets.windows(4).position(|w| w == b"\r\n\r\n").map_or(octets.len(), |at| at + 2);
    String::from_utf8_lossy(&octets[..end]).replace("\r\n", "\n")
}

/// The next try of rows is now.
pub(super) async fn send(desk: &Desk, mut request: Request) -> Answer {
    let meant: Meant = request.take()?;
    let changed = desk.house().store.send_now(meant.rows()?, desk.house().clock.now()).await?;
    Ok(changed_json(desk, changed, "hurried", &request.caller))
}

/// Rows wait for an administrator.
pub(super) async fn hold(desk: &Desk, mut request: Request) -> Answer {
    let meant: Meant = request.take()?;
    let changed = desk.house().store.hold(meant.rows()?, Hold::Held).await?;
    Ok(changed_json(desk, changed, "held", &request.caller))
}

/// Rows wait for an administrator no more.
pub(super) async fn release(desk: &Desk, mut request: Request) -> Answer {
    let meant: Meant = request.take()?;
    let changed = desk.house().store.hold(meant.rows()?, Hold::Free).await?;
    Ok(changed_json(desk, changed, "released", &request.caller))
}

pub(super) fn named(row: &Waiting) -> String {
    format!("{} for {}", QueueId::of(row.body), row.leaving.to)
}

pub(super) fn tell(desk: &Desk, what: &str, caller: &Caller) {
    let Caller { who, from } = caller.clone();
    desk.house().journal.tell(AdminEvent::Directory { what: format!("queue: {what}"), who, from });
}

fn changed_json(desk: &Desk, changed: usize, how: &str, caller: &Caller) -> Json {
    if changed > 0 {
        tell(desk, &format!("{changed} {how}"), caller);
    }
    json!({ "changed": changed })
}

fn row_json(row: &Waiting) -> Json {
    let Waiting { id, body, size, since, leaving, tries, told_late, last, .. } = row;
    let last = last.as_ref().map(|last| {
        let advice = advice::of(last);
        json!({
            "at": last.at.0,
            "peer": last.peer,
            "code": last.code,
            "status": last.status,
            "text": last.text,
            "advice": { "what": both(advice.what), "todo": both(advice.todo), "whom": advice.whom.word() },
        })
    });
    json!({
        "row": id.0,
        "message": QueueId::of(*body).as_str(),
        "size": size,
        "since": since.0,
        "sender": leaving.from.to_string(),
        "recipient": leaving.to.to_string(),
        "original": leaving.original.as_ref().map(Address::to_string),
        "state": stage_word(QueueStage::of(row)),
        "tries": tries,
        "next_try": leaving.next_try.0,
        "told_late": told_late,
        "last": last,
    })
}

/// A sentence in the languages of the page.
fn both(words: Both) -> Json {
    json!({ "en": words.en, "ru": words.ru })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(text: &str) -> Result<QueueRows, u16> {
        let meant: Meant = serde_json::from_str(text).unwrap();
        meant.rows().map_err(|error| error.status)
    }

    #[test]
    fn rows_or_a_filter_are_meant_and_never_all_by_mistake() {
        assert!(matches!(meant("{\"rows\":[1,2]}"), Ok(QueueRows::Ids(ids)) if ids == [RowId(1), RowId(2)]));
        assert!(matches!(meant("{\"filter\":{}}"), Ok(QueueRows::Fitting(all)) if all == QueueFilter::default()));
        for bad in
            ["{}", "{\"rows\":[],\"filter\":{}}", "{\"filter\":{\"state\":\"x\"}}", "{\"filter\":{\"domain\":\"-\"}}"]
        {
            assert_eq!(meant(bad).map(|_| ()), Err(422), "{bad}");
        }
        assert!(serde_json::from_str::<Meant>("{\"filter\":{\"sendr\":\"a\"}}").is_err());
    }

    #[test]
    fn a_head_ends_at_the_first_empty_line() {
        assert_eq!(head(b"A: 1\r\nB: 2\r\n\r\nbody"), "A: 1\nB: 2\n");
        assert_eq!(head(b"A: 1"), "A: 1");
    }
}
