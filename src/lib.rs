//! Gatepost: the mail module of a gateway appliance, in one process.
//!
//! # The house
//!
//! A row may import only rows below it; rooms of one row never import each other. `tests/tidy.rs` holds this table.
//!
//! ```text
//!  cli                           the subcommands: talk to `admin` over the Unix socket, or to `store` when it is stopped
//!  app                           opens everything, applies settings, owns every task, stops everything
//!  listen                        every socket: bind by interface, accept, permit, handshake inside the task
//!  session queue collector admin what works (session: smtp pop3 imap); peers that never import each other
//!  pipeline                      the one way in for every message: check, stamp, route, commit
//!  policy                        may this peer say this now? who is it (login)?  -> Verdict
//!  router rules                  where does this address live? what do the filters say?  (pure, over snapshots)
//!  store remote proof            what the disk knows | others, as a client | SPF DKIM DMARC ARC
//!  net                           one stream type (plain or TLS), certificates, dial, dns
//!  journal                       typed events and safe text; hands lines to its sinks; syslog
//!  rt                            clock, bells, stop signs, permits, the executor, the board
//!  wire settings directory       bytes <-> values | the settings table | domains, mailboxes: snapshots. No I/O
//!  mime                          headers, structure, words, stamps, bounces; the door of mail-parser
//!  types limits                  plain values, the Body reader trait; every cap with its cost in bytes
//! ```
//!
//! # Invariants
//!
//! * A 250 after DATA/BDAT is said only after `pipeline::accept` returned Ok, and that returns Ok only after the fdatasync of a log record
//!   that holds the rows and the body (of a body over 128 KiB: after its volume's fdatasync and then that of the record; `store`,
//!   Guarantee); `mail.redb` takes that over later, all at once. The design says a durable commit of redb instead: that is two syncs one after the other, and the volume's before
//!   them, where Postfix has one; and a message alone waits for nothing else.
//! * Only `store` names redb; only `net` names rustls; only `admin` names tiny_http; only `journal` names log and syslog.
//! * Policy never writes to a socket; a session never decides who may relay.
//! * The message's bytes are stored once and served untouched.
//! * No clock is read but through `rt::Clock`; no global is written.
//!
//! # Absent on purpose (each has its room and its own issue)
//!
//! The collector, SPF and DMARC (`proof`), scanners (`remote`), filters (`rules`).

pub mod admin;
pub mod app;
pub mod cli;
pub mod collector;
pub mod directory;
pub mod journal;
pub mod limits;
pub mod listen;
pub mod mime;
pub mod net;
pub mod pipeline;
pub mod policy;
pub mod proof;
pub mod queue;
pub mod remote;
pub mod router;
pub mod rt;
pub mod rules;
pub mod session;
pub mod settings;
pub mod store;
pub mod types;
pub mod wire;
