//! Others, as a client: their servers are strangers, and what they say is bounded, timed, and never believed further than it goes.
//!
//! | room | who |
//! |---|---|
//! | [`smtp`] | servers that take our mail: the world's, a relay, a store behind us (LMTP) |
//! | [`sts`], [`Https`] | what domains publish about encryption (MTA-STS) |
//! | [`TlsReports`] | how encryption went, counted |
//! | [`Tap`] | what was said with them, for the page |
//!
//! Must not know: the queue (it hands in a job and gets answers), the disk, notices.

mod https;
pub mod smtp;
pub mod sts;
mod tap;
mod tlsrpt;

pub use https::Https;
pub use tap::{Dialogue, Said, Tap, Who};
pub use tlsrpt::{Counts, Failure, PolicyType, TlsReports};
