//! Faults of the board round the whole house: a full, failing or missing disk, a clock of 1970, clients that drip, a planted
//! panic, messages of 100 MB. Nothing that was acknowledged is lost, and no restart is needed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
#[path = "common/moody.rs"]
mod moody;

#[path = "faults/big.rs"]
mod big;
#[path = "faults/binary.rs"]
mod binary;
#[path = "faults/client.rs"]
mod client;
#[path = "faults/clock.rs"]
mod clock;
#[path = "common/dial.rs"]
mod dial;
#[path = "faults/full.rs"]
mod full;
#[path = "faults/gone.rs"]
mod gone;
#[path = "faults/mail.rs"]
mod mail;
#[path = "faults/mount.rs"]
mod mount;
#[path = "faults/panics.rs"]
mod panics;
#[path = "faults/slow.rs"]
mod slow;
#[path = "faults/sync.rs"]
mod sync;
