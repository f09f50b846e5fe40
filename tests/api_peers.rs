//! The API as schemathesis understands it from the OpenAPI document alone: requests that the document allows and requests that
//! it does not, over every operation but those of LEFT_OUT.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "faults/binary.rs"]
mod binary;
mod common;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use binary::Served;
use common::BOB;

/// Operations that are not asked, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("/api/events", "it never ends by itself: tests/http/places.rs"),
    ("/api/domains/{name}/dns", "it asks the name servers of the world: tests/http/places.rs has one that is silent"),
    ("/api/settings/rollback", "version 0 moves the port that is asked: tests/admin.rs"),
];

/// What an answer must keep. Not asked for: `positive_data_acceptance` (a schema cannot say which domains exist), `ignored_auth`
/// (a wrong cookie beside a good token is no attack), `allow_header_conformance` (a method that no resource knows is refused before
/// the resource is looked at).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,unsupported_method";

/// Requests of an operation while it is fuzzed; its boundary values come on top.
const EXAMPLES: &str = "8";
/// Seconds for all of it.
const TIME: &str = "60";

/// Where `scripts/install-peers` put it.
fn installed() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/schemathesis");
    assert!(path.exists(), "{} is missing; it comes with: scripts/install-peers", path.display());
    path
}

/// `Selected: 49/51`: both numbers of a line of the summary.
fn numbers(said: &str, word: &str) -> Vec<usize> {
    let line = said.lines().find_map(|line| line.trim().strip_prefix(word));
    let line = line.unwrap_or_else(|| panic!("no {word} in {said}"));
    line.split('/').map(|number| number.trim().parse().unwrap()).collect()
}

#[test]
fn what_the_document_says_is_what_the_api_does() {
    let served = Served::start(&[]);
    served.say(&["mailbox", "add", BOB.0, "--password-stdin"], BOB.1);
    served.say(&["alias", "add", "team@office.test", BOB.0], "");
    let all = ["token", "add", "schemathesis", "read", "journal", "queue", "directory", "settings", "admin", "login"];
    let bearer = format!("Authorization: Bearer {}", served.say(&all, "").trim());
    let url = format!("http://{}/api/openapi.json", served.ports.http);
    let mut command = Command::new("python3");
    command
        .args(["-m", "schemathesis.cli", "run", &url, "-H", &bearer, "--checks", CHECKS, "--max-time", TIME])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", "7", "--no-shrink"])
        .args(["--workers", "2", "--continue-on-failure", "--request-timeout", "30", "--warnings", "off"])
        .env("PYTHONPATH", installed())
        .env("NO_COLOR", "1")
        .current_dir(served.dir.path());
    for (path, _) in LEFT_OUT {
        command.args(["--exclude-path", path]);
    }
    let done = command.output().expect("python3 is missing: scripts/install-test-tools");
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    let summary = said.rsplit("API Operations:").next().unwrap();
    println!("API Operations:{summary}");
    LEFT_OUT.iter().for_each(|(path, why)| println!("left out: {path}: {why}"));
    let [selected, of] = numbers(summary, "Selected:")[..] else { panic!("{summary}") };
    assert_eq!(selected + LEFT_OUT.len(), of);
    assert_eq!(numbers(summary, "Tested:"), [selected], "{summary}");
}
