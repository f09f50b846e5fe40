//! The administration over HTTP and HTTPS, as strangers, browsers and scripts meet it: the real program, real curl, raw sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

mod common;

#[path = "faults/binary.rs"]
mod binary;
#[path = "http/curl.rs"]
mod curl;
#[path = "common/dial.rs"]
mod dial;
#[path = "http/doors.rs"]
mod doors;
#[path = "http/files.rs"]
mod files;
#[path = "http/hostile.rs"]
mod hostile;
#[path = "http/logins.rs"]
mod logins;
#[path = "http/places.rs"]
mod places;
#[path = "http/raw.rs"]
mod raw;
#[path = "http/tokens.rs"]
mod tokens;
