//! The paths that a file names, `use` trees taken apart: `use a::{b::c, d};` names `a::b::c` and `a::d`.

use super::source::{Source, Token};

/// A path and the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub path: Vec<String>,
    pub line: usize,
}

impl Named {
    /// `a::b::c`
    pub fn text(&self) -> String {
        self.path.join("::")
    }

    /// Whether it begins with `a::b`.
    pub fn begins(&self, with: &str) -> bool {
        let with: Vec<&str> = with.split("::").collect();
        self.path.len() >= with.len() && self.path.iter().zip(with).all(|(a, b)| a == b)
    }
}

/// Every path of two parts or more, and every `use` of one part. `super` and `self` are resolved against the file's module,
/// so that what leaves the room begins with `crate`.
pub fn paths(source: &Source, tokens: &[Token]) -> Vec<Named> {
    let mut found = Vec::new();
    let mut inner: Vec<(String, usize)> = Vec::new();
    let mut depth = 0usize;
    let mut at = 0;
    while at < tokens.len() {
        let before = found.len();
        match tokens[at].text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                inner.pop_if(|(_, opened)| *opened == depth);
            }
            "mod" if tokens.get(at + 2).is_some_and(|t| t.text == "{") => {
                inner.push((tokens[at + 1].text.clone(), depth));
            }
            "use" => {
                at = tree(tokens, at + 1, &[], &mut found);
                resolve(source, &inner, &mut found[before..]);
                continue;
            }
            _ if starts_path(tokens, at) => {
                at = straight(tokens, at, &mut found);
                resolve(source, &inner, &mut found[before..]);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is_name(token: Option<&Token>) -> bool {
    token.is_some_and(|t| t.text.starts_with(|c: char| c.is_alphabetic() || c == '_'))
}

fn starts_path(tokens: &[Token], at: usize) -> bool {
    let glued = at > 0 && matches!(tokens[at - 1].text.as_str(), "::" | ".");
    !glued && is_name(tokens.get(at)) && tokens.get(at + 1).is_some_and(|t| t.text == "::")
}

fn straight(tokens: &[Token], mut at: usize, found: &mut Vec<Named>) -> usize {
    let line = tokens[at].line;
    let mut path = vec![tokens[at].text.clone()];
    while tokens.get(at + 1).is_some_and(|t| t.text == "::") && is_name(tokens.get(at + 2)) {
        path.push(tokens[at + 2].text.clone());
        at += 2;
    }
    found.push(Named { path, line });
    at + 1
}

/// One branch of a `use` tree; gives the index behind it (and behind the `;` at the end of the whole).
fn tree(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<Named>) -> usize {
    let mut path = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |t| t.line);
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|t| t.text != "}") {
                    at = tree(tokens, at, &path, found);
                    if tokens.get(at).is_some_and(|t| t.text == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            "as" => at += 2,
            "*" => {
                path.push("*".to_owned());
                at += 1;
            }
            _ if is_name(Some(token)) => {
                path.push(token.text.clone());
                at += 1;
            }
            _ => break,
        }
    }
    found.push(Named { path, line });
    at
}

fn resolve(source: &Source, inner: &[(String, usize)], found: &mut [Named]) {
    for named in found {
        let mut base: Vec<String> = source.module();
        base.extend(inner.iter().map(|(name, _)| name.clone()));
        let mut rest = named.path.as_slice();
        let mut relative = false;
        while let Some(("self" | "super", tail)) = rest.split_first().map(|(h, t)| (h.as_str(), t)) {
            if rest[0] == "super" {
                base.pop();
            }
            relative = true;
            rest = tail;
        }
        if relative {
            named.path = [vec!["crate".to_owned()], base, rest.to_vec()].concat();
        }
    }
}
