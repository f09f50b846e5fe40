//! The one way in for every message: check, stamp, route, find its structure, commit.
//!
//! SMTP, bounces, later the collector and vacation replies all call it like anybody else. It writes queue rows; the queue
//! reads them. Must not know: sockets, protocols, redb.

mod append;
mod deliver;
mod head;
mod home;
mod incoming;
mod leave;
mod notify;
mod report;
mod room;
mod watch;

use std::{net::IpAddr, sync::Arc};

pub use append::{Appending, Filed};
pub use incoming::Incoming;
pub use report::{Fate, ReportOf};
pub use room::{HeadRoom, Held};

use crate::{
    directory::Directory,
    journal::Journal,
    policy::Refusal,
    router::{self, Route, Srs},
    rt::{Clock, Shared},
    settings::Settings,
    store::{Store, StoreError},
    types::{Address, Envelope, QueueId},
    wire::smtp::{Say, say},
};

/// Where a message comes from; goes into Received (RFC 5321 s4.4) and the journal.
#[derive(Clone, Debug)]
pub enum Origin {
    /// An SMTP client.
    Smtp {
        /// Its address.
        ip: IpAddr,
        /// What it said in HELO or EHLO.
        helo: String,
        /// `SMTP`, `ESMTP`, `ESMTPS`, `ESMTPSA`, ... (RFC 3848)
        with: &'static str,
        /// TLS version and cipher, for Received.
        tls: Option<String>,
        /// Who logged in.
        login: Option<Address>,
        /// Date and Message-ID are added where they are missing (logged in or relay network, RFC 6409 s8).
        complete: bool,
        /// It may send to other domains (Q31): its recipients there are put into the queue.
        relays: bool,
    },
    /// We ourselves (a bounce, a warning).
    Ours,
}

/// What the pipeline works with. Cheap to clone.
#[derive(Clone)]
pub struct Pipeline {
    /// Newest settings.
    pub settings: Shared<Settings>,
    /// Newest directory.
    pub directory: Shared<Directory>,
    /// The disk.
    pub store: Store,
    /// The journal.
    pub journal: Journal,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Memory for large header sections, structures and wishes; one for the whole house.
    pub heads: HeadRoom,
    /// Reverse-paths of forwarded messages.
    pub srs: Srs,
}

/// Kept on the disk (the Guarantee of `store`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The name for `250 2.0.0 queued as`.
    pub qid: QueueId,
}

impl Pipeline {
    /// Where an address lives now.
    fn route(&self, to: &Address) -> Route {
        router::resolve(&self.directory.get(), &self.settings.get(), &self.srs, to, self.clock.now())
    }

    /// Begins a message for an envelope. A refusal says that the disk is absent (451 4.3.0) or full (452 4.3.1).
    pub async fn open(&self, origin: Origin, envelope: Envelope) -> Result<Incoming, Refusal> {
        let draft = self.store.draft().await.map_err(|e| disk_refusal(&e))?;
        Ok(Incoming::new(self.clone(), origin, envelope, draft))
    }
}

/// What a peer hears when the store cannot, and what the journal learns.
fn disk_refusal(error: &StoreError) -> Refusal {
    let sentence = match error {
        StoreError::Unavailable(_) => say::NO_DISK,
        StoreError::NoRoom => say::NO_ROOM,
        // It fitted when it was weighed, but somebody else was quicker: the next try is weighed anew.
        StoreError::OverQuota => say::OVER_QUOTA_LATER,
        StoreError::Damaged(_) | StoreError::Missing | StoreError::Exists | StoreError::Limit(_) => say::OUR_FAULT,
    };
    refuse(sentence, &error.to_string())
}

fn refuse(sentence: Say, log: &str) -> Refusal {
    Refusal { say: sentence.into(), log: log.to_owned() }
}
