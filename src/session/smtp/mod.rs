//! An SMTP session. `phase` checks order (pure), `policy` gives verdicts, `serve` acts.

use std::sync::Arc;

use crate::{
    journal::Journal,
    net::{Acceptor, Conn},
    pipeline::Pipeline,
    policy::{Policy, Service},
    rt::{Shared, Stop},
    settings::Settings,
};

/// What a session works with.
#[derive(Clone)]
pub struct Smtp {
    /// The door.
    pub service: Service,
    /// Newest settings.
    pub settings: Shared<Settings>,
    /// Newest certificate, if TLS is on.
    pub tls: Shared<Option<Acceptor>>,
    /// Verdicts.
    pub policy: Arc<Policy>,
    /// The way in.
    pub pipeline: Arc<Pipeline>,
    /// The journal.
    pub journal: Journal,
    /// The end of the house: 421.
    pub stop: Stop,
}

/// Serves one connection (on 465 it is encrypted already) until it ends.
pub async fn serve(_smtp: Smtp, _conn: Conn) {}
