//! Programs that nobody here wrote send to the house and fetch from it; what arrives must be whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
#[path = "peers/fetch.rs"]
mod fetch;
#[path = "peers/send.rs"]
mod send;
#[path = "peers/tools.rs"]
mod tools;
