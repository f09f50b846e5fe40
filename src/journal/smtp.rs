//! What an SMTP session tells. Wording: Postfix' smtpd.

use std::net::IpAddr;

use super::{Line, Tag, safe};

/// Events of `session::smtp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpEvent {
    /// `connect from unknown[ip]`
    Connect {
        /// The service that was called.
        tag: Tag,
        /// The client.
        ip: IpAddr,
    },
    /// `disconnect from unknown[ip] ehlo=1 mail=1 …`
    Disconnect {
        /// The service that was called.
        tag: Tag,
        /// The client.
        ip: IpAddr,
        /// Command counts, Postfix' form: `ehlo=1 auth=0/1 quit=1 commands=2/3`.
        counts: String,
    },
}

impl From<SmtpEvent> for Line {
    fn from(event: SmtpEvent) -> Line {
        match event {
            SmtpEvent::Connect { tag, ip } => Line::info(tag, format!("connect from unknown[{ip}]")),
            SmtpEvent::Disconnect { tag, ip, counts } => {
                Line::info(tag, format!("disconnect from unknown[{ip}] {}", safe(&counts, 400)))
            }
        }
    }
}
