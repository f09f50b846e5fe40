//! A POP3 session (RFC 1939): a snapshot of INBOX at login, deletion at QUIT, no lock.

use std::sync::Arc;

use crate::{
    journal::Journal,
    net::{Acceptor, Conn},
    policy::{Policy, Service},
    rt::{Shared, Stop},
    settings::Settings,
    store::Store,
};

/// What a session works with.
#[derive(Clone)]
pub struct Pop3 {
    /// The door.
    pub service: Service,
    /// Newest settings.
    pub settings: Shared<Settings>,
    /// Newest certificate, if TLS is on.
    pub tls: Shared<Option<Acceptor>>,
    /// Verdicts and logins.
    pub policy: Arc<Policy>,
    /// The disk.
    pub store: Store,
    /// The journal.
    pub journal: Journal,
    /// The end of the house.
    pub stop: Stop,
}

/// Serves one connection (on 995 it is encrypted already) until it ends.
pub async fn serve(_pop3: Pop3, _conn: Conn) {}
