//! Truth under concurrency: several clients on one folder, deliveries and POP3 deletions, driven at random; every untagged
//! line is held against what the client may believe (`imap_model/model.rs`). No stale number ever names another message,
//! MODSEQ grows, after NOOP every picture is the folder, and UIDs and UIDVALIDITY survive RENAME and a restart.
//!
//! A round: some clients send groups of commands without waiting, mail comes, somebody deletes by POP3; then all answers are
//! read. The seeds are fixed; a failure prints its own and what was said last.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "imap_model/client.rs"]
mod client;
#[path = "common/mod.rs"]
mod common;
#[path = "imap_model/drive.rs"]
mod drive;
#[path = "imap_model/model.rs"]
mod model;
#[path = "imap_model/wire.rs"]
mod wire;

use common::House;
use drive::World;

const SEEDS: u64 = 6;
const ROUNDS: usize = 100;

#[test]
fn every_client_sees_the_same_truth() {
    let (mut commands, mut lines) = (0, 0);
    for seed in 1..=SEEDS {
        let house = House::start();
        let mut world = World::new(&house, seed);
        for _ in 0..ROUNDS / 10 {
            (0..10).for_each(|_| world.round());
            world.quiet();
        }
        world.end();
        commands += world.commands();
        lines += world.truth.checked;
    }
    println!("{SEEDS} seeds, {commands} commands, {lines} untagged lines held against the model");
}

#[test]
fn uids_and_uidvalidity_survive_rename_and_restart() {
    let house = House::start();
    let mut world = World::new(&house, 99);
    (0..5).for_each(|_| world.round());
    world.quiet();
    world.end();
    let before = drive::folder(&house, "Other");
    assert!(!before.messages.is_empty());
    drive::rename(&house, "Other", "Archive/2026");
    assert_eq!(drive::folder(&house, "Archive/2026"), before);
    let inbox = drive::folder(&house, "INBOX");
    let house = drive::again(house);
    assert_eq!(drive::folder(&house, "Archive/2026"), before);
    assert_eq!(drive::folder(&house, "INBOX"), inbox);
}
