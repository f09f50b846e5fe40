//! The house rules, held over every source file: layers, doors, sizes, heads, what may not be named.
//!
//! Each rule is a function from sources to complaints; one test runs it over the tree, another shows that it catches a bad
//! sample. The table of layers is read from the head of `src/lib.rs`, which is what people read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "tidy/doors.rs"]
mod doors;
#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/paths.rs"]
mod paths;
#[path = "tidy/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};

use paths::paths;
use source::{Source, Token, files, item_end};

/// Lines of code in a file before its tests.
const FILE_LINES: usize = 400;
/// Lines of a function from `fn` to its brace.
const FUNCTION_LINES: usize = 60;

fn hold(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}\n  {}", complaints.join("\n  "));
}

/// A bad sample must be caught, a good one must not.
fn catches(rule: impl Fn(&[Source]) -> Vec<String>, path: &str, bad: &str, good: &str) {
    assert_ne!(rule(&[Source::sample(path, bad)]), Vec::<String>::new(), "not caught:\n{bad}");
    assert_eq!(rule(&[Source::sample(path, good)]), Vec::<String>::new(), "wrongly caught:\n{good}");
}

// Layers.

/// Room -> row, 0 at the top, from the table in `src/lib.rs`.
fn rows(lib: &str) -> BTreeMap<String, usize> {
    let rooms: BTreeSet<&str> = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let table = lib.split("```").nth(1).expect("the table at the head of src/lib.rs");
    let mut rows = BTreeMap::new();
    for (row, line) in table.lines().skip(1).enumerate() {
        let names = line.trim_start_matches("//!").split_whitespace().take_while(|word| rooms.contains(word));
        for name in names {
            assert_eq!(rows.insert(name.to_owned(), row), None, "{name} stands twice in the table");
        }
    }
    let missing: Vec<_> = rooms.iter().filter(|room| !rows.contains_key(**room)).collect();
    assert!(missing.is_empty(), "rooms that the table of src/lib.rs does not place: {missing:?}");
    rows
}

fn layers(rows: &BTreeMap<String, usize>, sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let Some(own) = rows.get(source.room()) else { continue };
        for named in paths(source, &source.tokens) {
            let [first, room, ..] = named.path.as_slice() else { continue };
            let Some(row) = rows.get(room).filter(|_| first == "crate" && room != source.room()) else { continue };
            if row <= own {
                let way = if row == own { "sideways" } else { "up" };
                complaints.push(format!("{}:{}: {} goes {way}", source.path, named.line, named.text()));
            }
        }
    }
    complaints
}

#[test]
fn a_room_imports_only_rooms_below_it() {
    let sources = files("src");
    let lib = sources.iter().find(|s| s.path == "src/lib.rs").unwrap();
    let rows = rows(&lib.text);
    assert!(rows.len() >= 20, "the table is too short to be the house: {rows:?}");
    hold("rows of src/lib.rs:", &layers(&rows, &sources));
}

#[test]
fn imports_up_and_sideways_are_caught() {
    let lib = "//! ```text\n//!  cli    talk\n//!  queue session    peers\n//!  store   disk\n//! ```\npub mod cli;\npub mod queue;\npub mod session;\npub mod store;\n";
    let rows = rows(lib);
    let rule = |sources: &[Source]| layers(&rows, sources);
    let good =
        "use crate::store::Store; // use crate::queue::Q;\nuse super::step; const A: &str = \"crate::queue::Q\";";
    catches(rule, "src/session/smtp.rs", "use crate::queue::Q;", good);
    catches(rule, "src/session/smtp.rs", "use crate::{store::Store, cli};", good);
    catches(rule, "src/store/mod.rs", "fn f() { crate::session::serve() }", "fn f() { crate::store::g() }");
    catches(rule, "src/store/a.rs", "use super::super::session::X;", "use super::super::store::X;");
    catches(rule, "src/store.rs", "mod x { use super::super::cli::Y; }", "mod x { use super::cli; }");
}

// Sizes.

fn code_lines(tokens: &[Token]) -> usize {
    tokens.iter().map(|t| t.line).collect::<BTreeSet<_>>().len()
}

fn file_sizes(sources: &[Source]) -> Vec<String> {
    let long = |s: &&Source| code_lines(&s.production()) > FILE_LINES;
    sources.iter().filter(long).map(|s| format!("{}: {} lines of code", s.path, code_lines(&s.production()))).collect()
}

fn function_sizes(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        for (at, token) in source.tokens.iter().enumerate().filter(|(_, t)| t.text == "fn") {
            let Some(name) = source.tokens.get(at + 1).filter(|t| t.text != "(") else { continue };
            let end = item_end(&source.tokens, at);
            let lines = source.tokens[end - 1].line - token.line + 1;
            if lines > FUNCTION_LINES {
                complaints.push(format!("{}:{}: fn {} has {lines} lines", source.path, token.line, name.text));
            }
        }
    }
    complaints
}

#[test]
fn files_are_short() {
    let all = [files("src"), files("tests")].concat_sources();
    hold(&format!("files over {FILE_LINES} lines of code before their tests:"), &file_sizes(&all));
}

#[test]
fn functions_are_short() {
    let all = [files("src"), files("tests")].concat_sources();
    hold(&format!("functions over {FUNCTION_LINES} lines:"), &function_sizes(&all));
}

trait Concat {
    fn concat_sources(self) -> Vec<Source>;
}

impl<const N: usize> Concat for [Vec<Source>; N] {
    fn concat_sources(self) -> Vec<Source> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn long_files_and_functions_are_caught() {
    let many = "const A: u8 = 1;\n".repeat(FILE_LINES + 1);
    let few = "// words\n\n".repeat(FILE_LINES) + "#[cfg(test)]\nmod tests {\n" + &many + "}\n";
    catches(file_sizes, "src/a.rs", &many, &few);
    let body = |n: usize| format!("fn f(a: [u8; 2]) -> u8 {{\n{}}}\nfn g() {{}}\n", "a();\n".repeat(n));
    catches(function_sizes, "src/a.rs", &body(FUNCTION_LINES - 1), &body(FUNCTION_LINES - 2));
}

// What a file must have, and must not.

fn heads(sources: &[Source]) -> Vec<String> {
    sources.iter().filter(|s| !s.text.starts_with("//! ")).map(|s| format!("{}: no //! head", s.path)).collect()
}

#[test]
fn every_file_says_what_it_is() {
    hold("files without a head:", &heads(&[files("src"), files("tests")].concat_sources()));
}

#[test]
fn a_file_without_a_head_is_caught() {
    catches(heads, "src/a.rs", "use std::io;\n", "//! The a.\nuse std::io;\n");
}

/// Calls that end the thread. clippy holds the first three as well; this holds the rest, and that an exception gives its reason.
fn loud(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources {
        let tokens = source.production();
        for window in tokens.windows(3) {
            let [a, b, c] = [0, 1, 2].map(|n| window[n].text.as_str());
            let call = a == "." && matches!(b, "unwrap" | "expect") && c == "(";
            let mac =
                matches!(a, "panic" | "todo" | "unimplemented" | "dbg") && b == "!" && matches!(c, "(" | "[" | "{");
            if (call || mac) && !is_excused(source, window[0].line) {
                let what = if call { b } else { a };
                complaints.push(format!("{}:{}: {what}", source.path, window[1].line));
            }
        }
    }
    complaints
}

/// `#[allow(clippy::..., reason = "...")]` or `#[expect(...)]` in the five lines above: a proven impossibility that says so.
fn is_excused(source: &Source, line: usize) -> bool {
    let above: Vec<&str> = source.text.lines().skip(line.saturating_sub(6)).take(6).collect();
    above.iter().any(|l| (l.contains("#[allow(clippy::") || l.contains("#[expect(clippy::")) && l.contains("reason = "))
}

#[test]
fn nothing_panics_on_purpose_outside_tests() {
    hold("unwrap, expect, panic!, todo!, unimplemented!, dbg! outside tests:", &loud(&files("src")));
}

#[test]
fn loud_calls_are_caught() {
    let good = "fn f() { x.unwrap_or(1); /* y.unwrap() */ \"z.unwrap()\"; }\n#[cfg(test)]\nmod tests { fn t() { x.unwrap(); } }";
    catches(loud, "src/a.rs", "fn f() { x.unwrap(); }", good);
    catches(loud, "src/a.rs", "fn f() { x\n.expect(\"y\"); }", good);
    catches(loud, "src/a.rs", "fn f() { todo!() }", good);
    catches(
        loud,
        "src/a.rs",
        "fn f() { panic!(\"a\") }",
        "#[allow(clippy::panic, reason = \"x\")]\nfn f() { panic!(\"a\") }",
    );
}

/// Files that may speak another language than ASCII, and why.
const LETTERS: &[(&str, &str)] = &[
    ("src/types/mail.rs", "Russian names of special folders (D2)"),
    ("src/mime/", "notices to users in Russian"),
    ("src/settings/", "labels and help in Russian"),
];

fn ascii(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources.iter().filter(|s| !LETTERS.iter().any(|(path, _)| s.path.starts_with(path))) {
        let tests = source.text.find("#[cfg(test)]").filter(|_| !source.only_tests).unwrap_or(source.text.len());
        if source.only_tests {
            continue;
        }
        for (n, line) in source.text[..tests].lines().enumerate().filter(|(_, line)| !line.is_ascii()) {
            let odd: String = line.chars().filter(|c| !c.is_ascii()).take(8).collect();
            complaints.push(format!("{}:{}: {odd}", source.path, n + 1));
        }
    }
    complaints
}

#[test]
fn sources_are_ascii_but_for_texts_of_the_page() {
    hold("characters outside ASCII:", &ascii(&files("src")));
}

#[test]
fn other_letters_are_caught() {
    let good = "// a <= b\n#[cfg(test)]\nmod tests { const A: &str = \"\u{43f}\"; }";
    catches(ascii, "src/a.rs", "// a \u{2264} b\n", good);
}
