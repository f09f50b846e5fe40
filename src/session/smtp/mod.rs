//! An SMTP session. `phase` checks order (pure), `policy` gives verdicts, `serve` acts.
//!
//! [`phase`]: what a command means now. `serve`: the conversation. `data`: messages, by DATA or BDAT. `auth`: logins.
//! [`ehlo`]: what is offered. `tally`: what is counted. The sentences are in `wire::smtp::say`, all of them.
//! Must not know: who may relay, what a password is, where a message goes.

use std::{sync::Arc, time::Duration};

use crate::{
    journal::Journal,
    limits,
    net::{Acceptor, Conn},
    pipeline::Pipeline,
    policy::{Policy, Service},
    rt::{Shared, Stop},
    settings::Settings,
};

mod auth;
mod data;
mod ehlo;
pub mod phase;
mod serve;
mod tally;

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
pub async fn serve(smtp: Smtp, conn: Conn) {
    serve_patiently(smtp, conn, Duration::from_secs(limits::SMTP_IDLE_SECS)).await;
}

/// As [`serve`], with another time that a client may be silent.
pub async fn serve_patiently(smtp: Smtp, conn: Conn, idle: Duration) {
    serve::Session::new(smtp, conn, idle).run().await;
}
