//! The journal's sinks against programs that nobody here wrote: rsyslogd, pflogsumm, fail2ban-regex.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "common/ports.rs"]
mod ports;
#[path = "common/scratch.rs"]
mod scratch;

mod journal_parts {
    pub mod days;
    pub mod readers;
    pub mod rsyslog;
    pub mod syslog;
}
