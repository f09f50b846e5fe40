//! The HTTP front: it owns every HTTP(S) socket and `admin.sock`, and lets one request at a time through to tiny_http, which
//! never meets a stranger (section 7 of the design).
//!
//! `front` is the life of a connection, `relay` one exchange with tiny_http, `refuse` what those hear who are not let through,
//! `local` the socket of the subcommands, `slots` what all connections share.
//! Must not know: sessions, tokens, rights (that is `admin`): it says who asks, and strips from outside what says so.

mod front;
mod local;
mod refuse;
mod relay;
mod slots;
#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

pub use front::Front;
pub use local::Local;

use crate::{
    admin::Gate,
    journal::Journal,
    limits,
    rt::{Clock, Shared, Stop},
    settings::Settings,
};

/// What the front works with.
#[derive(Clone)]
pub struct FrontMeans {
    /// Newest settings: the names of this server, redirection to HTTPS.
    pub settings: Shared<Settings>,
    /// Where tiny_http listens.
    pub gate: Gate,
    /// For what is told.
    pub journal: Journal,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ends connections that wait, and event streams.
    pub stop: Stop,
    /// How long tiny_http may think.
    pub patience: Patience,
}

/// In which an answer must begin.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// To the network.
    pub net: Duration,
    /// To a subcommand.
    pub local: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Patience { net: secs(limits::HTTP_ANSWER_SECS), local: secs(limits::HTTP_LOCAL_ANSWER_SECS) }
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The network.
    Net {
        /// The client.
        ip: IpAddr,
        /// Whether the connection is encrypted.
        tls: bool,
    },
    /// `admin.sock`, by the kernel's word.
    Local {
        /// The client's user id.
        uid: u32,
    },
}

/// What those hear for whom there is no place.
pub(super) fn full() -> &'static [u8] {
    static FULL: OnceLock<Vec<u8>> = OnceLock::new();
    FULL.get_or_init(|| {
        let mut out = Vec::new();
        refuse::FULL.write(None, &mut out);
        out
    })
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// Another request may come.
    Again,
    /// It ends.
    Close,
}
