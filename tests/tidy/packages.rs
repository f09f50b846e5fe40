//! Foreign packages: their licences, and whether one comes in twice. From `cargo metadata`, without the network.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

/// Licences that firmware under Apache-2.0 can ship (permissive; none asks for more than a notice).
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unlicense",
    "Unicode-3.0",
    "CC0-1.0",
];

/// Packages that the program links in more than one version, each with its reason.
const TWICE: &[(&str, &str)] = &[("getrandom", "ring wants 0.2, hickory (mail-auth's resolver) wants 0.4")];

fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", target()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("cargo metadata is JSON")
}

/// The platform whose packages the build of this test has already fetched.
fn target() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "aarch64-unknown-linux-gnu",
        "arm" => "armv7-unknown-linux-gnueabihf",
        _ => "x86_64-unknown-linux-gnu",
    }
}

/// Whether a licence expression can be met with [`LICENCES`]: every AND part must be, one OR part is enough.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    if let Some(parts) = split(&expression, " AND ") {
        return parts.iter().all(|part| is_allowed(part));
    }
    if let Some(parts) = split(&expression, " OR ") {
        return parts.iter().any(|part| is_allowed(part));
    }
    let one = expression.trim();
    match one.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => is_allowed(inner),
        None => LICENCES.contains(&one),
    }
}

/// Splits at a word outside parentheses; None when it does not stand there.
fn split(expression: &str, word: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut depth = 0i32;
    let mut rest = expression;
    while let Some(c) = rest.chars().next() {
        depth += i32::from(c == '(') - i32::from(c == ')');
        if depth == 0 && rest.starts_with(word) {
            parts.push(String::new());
            rest = &rest[word.len()..];
        } else {
            parts.last_mut().unwrap().push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    (parts.len() > 1).then_some(parts)
}

#[test]
fn every_licence_is_permissive() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50, "metadata names only {} packages", packages.len());
    let bad: Vec<String> = packages
        .iter()
        .filter(|p| !p["license"].as_str().is_some_and(is_allowed))
        .map(|p| format!("{} {}: {}", p["name"], p["version"], p["license"]))
        .collect();
    assert!(bad.is_empty(), "licences that firmware cannot ship:\n  {}", bad.join("\n  "));
}

#[test]
fn licence_expressions_are_read_right() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-2.0 OR MIT",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
    ] {
        assert!(is_allowed(good), "{good}");
    }
    for bad in ["GPL-3.0", "AGPL-3.0-only", "MIT AND GPL-2.0", "(MIT OR ISC) AND MPL-2.0", "OpenSSL", ""] {
        assert!(!is_allowed(bad), "{bad}");
    }
}

/// Ids of what the program itself links: normal dependencies, without procedural macros and what only they use.
fn linked(metadata: &Value) -> BTreeSet<String> {
    let macros: BTreeSet<&str> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["targets"].as_array().unwrap().iter().any(|t| t["kind"][0] == "proc-macro"))
        .map(|p| p["id"].as_str().unwrap())
        .collect();
    let nodes: BTreeMap<&str, &Value> =
        metadata["resolve"]["nodes"].as_array().unwrap().iter().map(|n| (n["id"].as_str().unwrap(), n)).collect();
    let mut found = BTreeSet::new();
    let mut open = vec![metadata["resolve"]["root"].as_str().unwrap()];
    while let Some(id) = open.pop() {
        if !macros.contains(id) && found.insert(id.to_owned()) {
            let deps = nodes[id]["deps"].as_array().unwrap().iter();
            let normal = deps.filter(|d| d["dep_kinds"].as_array().unwrap().iter().any(|k| k["kind"].is_null()));
            open.extend(normal.map(|d| d["pkg"].as_str().unwrap()));
        }
    }
    found
}

/// Names that stand in more than one version among `ids`.
fn doubled(metadata: &Value, ids: &BTreeSet<String>) -> BTreeMap<String, Vec<String>> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        if ids.contains(package["id"].as_str().unwrap()) {
            let name = package["name"].as_str().unwrap().to_owned();
            versions.entry(name).or_default().push(package["version"].as_str().unwrap().to_owned());
        }
    }
    versions.retain(|_, v| v.len() > 1);
    versions
}

#[test]
fn no_package_is_linked_in_two_versions() {
    let metadata = metadata();
    let ids = linked(&metadata);
    assert!(ids.len() > 40, "the graph has only {} packages: it was read wrong", ids.len());
    let mut twice = doubled(&metadata, &ids);
    for (name, reason) in TWICE {
        assert!(twice.remove(*name).is_some(), "{name} is no longer doubled: strike it off ({reason})");
    }
    assert!(twice.is_empty(), "linked in several versions: {twice:?}");
}

#[test]
fn a_doubled_package_is_seen() {
    let metadata = serde_json::json!({ "packages": [
        { "id": "a1", "name": "a", "version": "1.0.0" }, { "id": "a2", "name": "a", "version": "2.0.0" },
        { "id": "b1", "name": "b", "version": "1.0.0" }] });
    let ids = ["a1", "a2", "b1"].map(str::to_owned).into();
    assert_eq!(doubled(&metadata, &ids).keys().collect::<Vec<_>>(), ["a"]);
}
