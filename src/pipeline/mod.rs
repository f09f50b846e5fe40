//! The one way in for every message: check, stamp, route, commit.
//!
//! SMTP, bounces, later the collector and vacation replies all call it like anybody else. It writes queue rows; the queue reads them.

use std::{net::IpAddr, sync::Arc};

use crate::{
    directory::Directory,
    journal::Journal,
    policy::Refusal,
    rt::{Clock, Shared},
    settings::Settings,
    store::Store,
    types::{Address, Envelope, QueueId},
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
        /// `SMTP`, `ESMTP`, `ESMTPS`, `ESMTPSA`, … (RFC 3848)
        with: &'static str,
        /// TLS version and cipher, for Received.
        tls: Option<String>,
        /// Who logged in.
        login: Option<Address>,
        /// Date and Message-ID are added where they are missing (logged in or relay network, RFC 6409 s8).
        complete: bool,
    },
    /// We ourselves (a bounce, a warning).
    Ours,
}

/// What the pipeline works with.
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
}

/// A message on its way in. Dropping it forgets it.
pub struct Incoming {}

/// Kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The name for `250 2.0.0 queued as`.
    pub qid: QueueId,
}

impl Pipeline {
    /// Begins a message for an envelope.
    pub async fn open(&self, _origin: Origin, _envelope: Envelope) -> Result<Incoming, Refusal> {
        Ok(Incoming {})
    }
}

impl Incoming {
    /// The message's name.
    pub fn qid(&self) -> QueueId {
        QueueId::of(crate::types::BodyId(0))
    }
    /// Adds bytes, without dot-stuffing, lines ending in CRLF. After a refusal the session reads on and throws away.
    pub async fn write(&mut self, _bytes: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }
    /// Ends it: Ok means kept on the disk (the Guarantee of `store`).
    pub async fn finish(self) -> Result<Accepted, Refusal> {
        Ok(Accepted { qid: self.qid() })
    }
}
