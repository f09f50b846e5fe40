//! Mail that leaves: `remote::smtp` against servers that follow a script (`tests/dialogs/client/*.txt`), and against servers that
//! nobody here wrote.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;
#[path = "remote/dialog.rs"]
mod dialog;
#[path = "remote/mad.rs"]
mod mad;
#[path = "remote/names.rs"]
mod names;
#[path = "remote/peers.rs"]
mod peers;
#[path = "remote/policies.rs"]
mod policies;
#[path = "remote/script.rs"]
mod script;
#[path = "common/signed.rs"]
mod signed;
#[path = "remote/vouched.rs"]
mod vouched;
#[path = "remote/world.rs"]
mod world;

use std::{fs, path::Path};

/// Every dialog, each with its own server.
#[test]
fn dialogs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs/client");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 30, "only {} dialogs", files.len());
    let played = files.chunks(files.len().div_ceil(8)).map(|files| {
        let files = files.to_vec();
        std::thread::spawn(move || files.iter().filter_map(|file| failure(file)).collect::<Vec<_>>())
    });
    let threads: Vec<_> = played.collect();
    let failures: Vec<String> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn failure(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).unwrap();
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    dialog::play(&text).err().map(|why| format!("{name}: {why}"))
}
