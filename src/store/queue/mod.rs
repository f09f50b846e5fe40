//! The queue on the disk: a row a recipient, and two small indices of the rows that may be tried.
//!
//! | table | key | row |
//! |---|---|---|
//! | queue | row number | body, next try, reverse-path, recipient, and what `rows` adds to it |
//! | queue_due | next try, row number | destination |
//! | queue_routes | destination, next try, row number | - |
//!
//! | state of a row | in the indices | leaves by |
//! |---|---|---|
//! | *free* | yes | `settle` (done), `hold` |
//! | *held* | no | release, `settle` (done) |
//! | *set aside* (its octets are damaged) | no | deletion by hand, salvage |
//!
//! So the indices count the free rows and the table all of them: no gauge walks. Rows and indices are changed in one transaction.
//! Every time in a row is stored less the house's shift, so that a step of the clock moves the whole queue by writing one row.

mod handle;
mod look;
mod rows;
mod work;

#[cfg(test)]
mod tests;

pub(super) use self::{
    rows::{DUE, Due, Queued, ROUTES, Routed, put_more, take_more},
    work::{QueueWork, make_indices},
};

use crate::types::{Domain, RowId, UnixTime, Waiting};

/// Where a row goes, as the indices know it: a hash of the recipient's domain. Two domains may share one; then they only wait for
/// each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination(pub u64);

impl Destination {
    /// FNV-1a over the domain (lower case, A-labels), finished so that every bit counts. It stands on the disk: never changed.
    pub fn of(domain: &Domain) -> Destination {
        let octets = domain.as_str().bytes();
        let sum = octets.fold(0xcbf2_9ce4_8422_2325, |x: u64, b| (x ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
        Destination((sum ^ (sum >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// A place in the order of next tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueKey {
    /// As it is stored.
    pub(super) at: i64,
    pub(super) id: u64,
}

/// Rows whose time has come.
#[derive(Clone, Debug, Default)]
pub struct DuePage {
    /// In the order of their next tries.
    pub rows: Vec<Waiting>,
    /// Where to go on; None: there is no more.
    pub next: Option<DueKey>,
}

/// Rows as an administrator looks at them.
#[derive(Clone, Debug, Default)]
pub struct QueuePage {
    /// In the order that was asked for.
    pub rows: Vec<Waiting>,
    /// Behind which row to go on; None: there is no more.
    pub next: Option<RowId>,
}

/// QueueRows end of the queue comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueOrder {
    /// The row that came last.
    #[default]
    Newest,
    /// The row that came first.
    Oldest,
}

/// What a row waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueStage {
    /// Its first attempt.
    Fresh,
    /// Another attempt.
    Deferred,
    /// An administrator.
    Held,
}

impl QueueStage {
    /// Of a row.
    pub fn of(row: &Waiting) -> QueueStage {
        match row.hold {
            crate::types::Hold::Held => QueueStage::Held,
            crate::types::Hold::Free if row.tries == 0 => QueueStage::Fresh,
            crate::types::Hold::Free => QueueStage::Deferred,
        }
    }
}

/// Rows that are meant; every part that is there must fit. Parts of addresses are compared without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// Stands in the reverse-path, the recipient, or the last answer.
    pub text: Option<String>,
    /// Stands in the reverse-path; `<>` is the null path.
    pub sender: Option<String>,
    /// Stands in the recipient.
    pub recipient: Option<String>,
    /// The recipient's domain.
    pub domain: Option<Domain>,
    /// What it waits for.
    pub stage: Option<QueueStage>,
    /// It is of this message.
    pub body: Option<crate::types::BodyId>,
}

impl QueueFilter {
    /// Whether a row is meant.
    pub fn fits(&self, row: &Waiting) -> bool {
        let has = |part: &Option<String>, text: &dyn Fn() -> String| {
            part.as_ref().is_none_or(|part| text().to_lowercase().contains(&part.to_lowercase()))
        };
        let sender = || row.leaving.from.address().map_or_else(|| "<>".to_owned(), ToString::to_string);
        let recipient = || row.leaving.to.to_string();
        let all = || {
            let said = row.last.as_ref().map_or("", |last| &last.text);
            format!("{}\n{}\n{said}", sender(), recipient())
        };
        self.body.is_none_or(|body| body == row.body)
            && self.stage.is_none_or(|stage| stage == QueueStage::of(row))
            && self.domain.as_ref().is_none_or(|domain| *domain == row.leaving.to.domain)
            && has(&self.sender, &sender)
            && has(&self.recipient, &recipient)
            && has(&self.text, &all)
    }
}

/// Rows that something is done to.
#[derive(Clone, Debug)]
pub enum QueueRows {
    /// These.
    Ids(Vec<RowId>),
    /// All that fit.
    Fitting(QueueFilter),
}

/// How many rows there are, counted at commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCount {
    /// All.
    pub total: u64,
    /// Those that are held, and the damaged ones that are set aside.
    pub held: u64,
    /// The earliest next try; None: no row waits for its time.
    pub next_try: Option<UnixTime>,
}
