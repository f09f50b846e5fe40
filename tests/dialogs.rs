//! Conversations as files: `tests/dialogs/{smtp,pop3,imap}/*.txt`. Each runs against a porch of its own: the
//! real session over a real socket, with the real policy, pipeline and store in a directory of its own.
//!
//! The language of the files is described in `dialogs/script.rs`, the world they run in in `dialogs/porch.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "dialogs/mad.rs"]
mod mad;
#[path = "dialogs/peer.rs"]
mod peer;
#[path = "dialogs/play.rs"]
mod play;
#[path = "dialogs/porch.rs"]
mod porch;
#[path = "common/scratch.rs"]
mod scratch;
#[path = "dialogs/script.rs"]
mod script;

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
};

/// Plays every file of a folder, four at a time; complains of all that failed at once.
fn folder(name: &str, at_least: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs").join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    files.sort();
    assert!(files.len() >= at_least, "{} has {} dialogs", folder.display(), files.len());
    let (todo, failed) = (Mutex::new(files.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = todo.lock().unwrap().next();
                    let Some(path) = next else { return };
                    let text = std::fs::read_to_string(path).unwrap();
                    if let Err(why) = play::play(&text) {
                        failed.lock().unwrap().push(format!("{}: {why}", path.file_name().unwrap().display()));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    assert!(failed.is_empty(), "{} of {} dialogs failed\n{}", failed.len(), files.len(), failed.join("\n"));
    println!("{} dialogs", files.len());
}

#[test]
fn smtp_dialogs() {
    folder("smtp", 90);
}

/// A runner that lets everything pass would look the same.
#[test]
fn what_is_not_so_is_found() {
    let dialog = |rest: &str| play::play(&format!("S: 220 mail.office.test ESMTP\n{rest}")).unwrap_err();
    assert_eq!(dialog("C: NOOP\nS: 250 2.0.0 No\n"), "line 3: wanted: 250 2.0.0 No\n    heard: 250 2.0.0 Ok");
    assert_eq!(dialog("C: NOOP\nS: [silence]\n"), "line 3: wanted silence");
    assert_eq!(dialog("C: NOOP\nS: [closed]\n"), "line 3: wanted the end, heard: 250 2.0.0 Ok");
    assert_eq!(dialog("C: QUIT\nS: 221...\nS: 250...\n"), "line 4: wanted: 250..., but the server closed");
    assert_eq!(dialog("M: ann x\n"), "line 2: ann has no mail");
    assert!(dialog("J: nothing of this kind\n").starts_with("line 2: no line is like"));
    assert!(dialog("J! connect from *\n").starts_with("line 2: there is a line"));
    assert_eq!(dialog("what?\n"), "line 2: not understood: what?");
}

#[test]
fn pop3_dialogs() {
    folder("pop3", 30);
}

#[test]
fn imap_dialogs() {
    folder("imap", 20);
}
