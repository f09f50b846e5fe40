//! The journal: one typed event for each thing worth telling, in Postfix' wording, handed to the sinks.
//!
//! Must not know: databases (`store::days` is a sink that `app` hands in), sessions, settings.
//! Each room's events stand in a file of their own here; a foreign string passes `safe` once and only here.

mod admin;
mod dovecot;
mod imap;
mod library;
mod line;
mod pipeline;
mod pop3;
mod queue;
mod remote;
mod safe;
mod service;
mod sinks;
mod smtp;
mod store;
mod syslog;
mod teller;
mod web;

pub use admin::AdminEvent;
pub use dovecot::{LoginPeer, NoLogin, Tried};
pub use imap::{ImapCounts, ImapEvent};
pub use library::hear_libraries;
pub use line::{Count, Line, Passed, Severity, Tag, Way};
pub use pipeline::PipelineEvent;
pub use pop3::{Pop3Counts, Pop3Event};
pub use queue::{Carrier, QueueEvent, Sent};
pub use remote::RemoteEvent;
pub use safe::{safe, safe_bytes, safe_field};
pub use service::{CertificateNews, ClientTrouble, ServiceEvent};
pub use sinks::SinkEvent;
pub use smtp::{Reject, SmtpEvent, SmtpFact};
pub use store::StoreEvent;
pub use syslog::{Origin, Syslog, SyslogConfig, plain};
pub use teller::{Journal, Sink, Stamped};
pub use web::WebLogin;
