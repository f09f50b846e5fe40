//! Rust source as tokens: what the rules look at. Comments and the insides of strings are not tokens.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A name, a number, a literal (as `"`), `::`, or one other character; with its line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// One file: its path from the top of the tree, its text and its tokens.
pub struct Source {
    pub path: String,
    pub text: String,
    pub tokens: Vec<Token>,
    /// The whole file is test code (`#[cfg(test)] mod x;` names it).
    pub only_tests: bool,
}

impl Source {
    /// A file that is not on the disk (the self-tests).
    pub fn sample(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned(), tokens: tokens(text), only_tests: false }
    }

    /// `session` of `src/session/smtp/serve.rs`; `limits` of `src/limits.rs`; `lib` and `main` of themselves.
    pub fn room(&self) -> &str {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inner.split('/').next().unwrap_or(inner).trim_end_matches(".rs")
    }

    /// Module path of the file: `[session, smtp, serve]`.
    pub fn module(&self) -> Vec<String> {
        let inner = self.path.strip_prefix("src/").unwrap_or(&self.path).trim_end_matches(".rs");
        let mut parts: Vec<String> = inner.split('/').map(str::to_owned).collect();
        parts.pop_if(|last| matches!(last.as_str(), "mod" | "lib" | "main"));
        parts
    }

    /// The tokens outside `#[cfg(test)]` items.
    pub fn production(&self) -> Vec<Token> {
        if self.only_tests { Vec::new() } else { without_tests(&self.tokens) }
    }
}

/// Every `.rs` file under `top` (`src`, `tests`), in order.
pub fn files(top: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(top), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no sources under {top}");
    let mut sources: Vec<Source> = paths.iter().map(|path| read(root, path)).collect();
    let tests: BTreeSet<String> = sources.iter().flat_map(test_files).collect();
    for source in &mut sources {
        source.only_tests =
            tests.iter().any(|t| source.path == format!("{t}.rs") || source.path.starts_with(&format!("{t}/")));
    }
    sources
}

fn walk(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != "target") {
            walk(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

fn read(root: &Path, path: &Path) -> Source {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Source::sample(path.strip_prefix(root).unwrap().to_str().unwrap(), &text)
}

/// Paths without `.rs` of the modules that this file declares under `#[cfg(test)]`.
fn test_files(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in source.tokens.windows(7).enumerate().filter(|(_, w)| is_cfg_test(w)) {
        let Some(end) = source.tokens[at + 7..].iter().position(|t| t.text == ";" || t.text == "{") else { continue };
        let item = &source.tokens[at + 7..at + 7 + end + 1];
        if let [.., keyword, name, last] = item
            && keyword.text == "mod"
            && last.text == ";"
        {
            let dir = [vec!["src".to_owned()], source.module(), vec![name.text.clone()]].concat();
            found.push(dir.join("/"));
        }
    }
    found
}

/// `#[cfg(test)]` is seven tokens.
fn is_cfg_test(window: &[Token]) -> bool {
    window.iter().map(|t| t.text.as_str()).eq(["#", "[", "cfg", "(", "test", ")", "]"])
}

/// Cuts out each item behind a `#[cfg(test)]`: to its `;` or the brace that closes it.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens.len() - at >= 7 && is_cfg_test(&tokens[at..at + 7]) {
            at = item_end(tokens, at + 7);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Index behind the item that begins at `at`.
pub fn item_end(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0usize;
    for (n, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return n + 1;
                }
            }
            ";" if depth == 0 => return n + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Cuts source text into tokens.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text, line: 1, found: Vec::new() };
    while lexer.step() {}
    lexer.found
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Token>,
}

impl Lexer<'_> {
    fn step(&mut self) -> bool {
        let Some(c) = self.rest.chars().next() else { return false };
        if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(block_comment(self.rest));
        } else if let Some(length) = literal(self.rest) {
            self.push("\"", length);
        } else if c.is_alphanumeric() || c == '_' {
            let length = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            let rest = self.rest;
            self.push(&rest[..length], length);
        } else if self.rest.starts_with("::") {
            self.push("::", 2);
        } else if c.is_whitespace() {
            self.skip(c.len_utf8());
        } else {
            self.push(&c.to_string(), c.len_utf8());
        }
        true
    }

    fn push(&mut self, text: &str, length: usize) {
        self.found.push(Token { text: text.to_owned(), line: self.line });
        self.skip(length);
    }

    fn skip(&mut self, length: usize) {
        self.line += self.rest[..length].matches('\n').count();
        self.rest = &self.rest[length..];
    }
}

/// Octets of the block comment at the start of `rest`; they nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Octets of the string or character literal at the start of `rest`; None when there is none (a lifetime is none).
fn literal(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|body| {
            let character = matches!(*prefix, "b" | "") && body.starts_with('\'');
            character || body.trim_start_matches('#').starts_with('"')
        })
    })?;
    let body = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let inside = &body[hashes + 1..];
        return Some(prefix.len() + hashes + 1 + inside.find(&end).map_or(inside.len(), |at| at + end.len()));
    }
    if body.starts_with('#') {
        return None;
    }
    if body.starts_with('\'') {
        character(body).map(|n| n + prefix.len())
    } else {
        Some(prefix.len() + quoted(body, '"'))
    }
}

fn quoted(body: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    body.len()
}

/// `'x'` and `'\n'` are literals, `'a` alone is a lifetime.
fn character(body: &str) -> Option<usize> {
    let mut chars = body.chars().skip(1);
    let first = chars.next()?;
    if first == '\\' || chars.next() == Some('\'') { Some(quoted(body, '\'')) } else { None }
}
