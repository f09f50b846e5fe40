//! Types of settings: how a value is read from text, bounded, and written back. Text is the one stored form.

use serde_json::{Value as Json, json};

use super::{TlsMode, rules::Rule};
use crate::types::HopTls;

/// Octets of a value's text; a list of 256 networks fits.
const LONGEST: usize = 16 * 1024;
/// Characters of a secret.
const LONGEST_SECRET: usize = 256;
/// What is shown of a secret that is set; saved again it leaves the secret as it is.
pub const HIDDEN: &str = "********";
/// How a secret begins that is encrypted (`net::Vault`); no password may begin so.
pub const SEALED: &str = "sealed:1:";

/// What a setting may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A TCP port; 0 switches the service off.
    Port,
    /// A whole number.
    Number {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
        /// `minutes`, `days`, … for the page; empty for a bare count.
        unit: &'static str,
    },
    /// Whole megabytes of 1,048,576 octets (Q14), held in octets.
    Megabytes {
        /// Smallest.
        min: u64,
        /// Largest.
        max: u64,
    },
    /// `on` or `off`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A line of text.
    Text {
        /// What it must look like.
        rule: Rule,
        /// Whether it may be empty.
        empty: bool,
    },
    /// A password for another server: kept encrypted, never shown.
    Secret,
    /// Comma-separated entries.
    List {
        /// What each must look like.
        rule: Rule,
        /// How many at most.
        most: usize,
    },
}

impl Kind {
    /// The name of the type in the API and in `settings list`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Port => "port",
            Kind::Number { .. } => "number",
            Kind::Megabytes { .. } => "megabytes",
            Kind::Switch => "switch",
            Kind::Choice(_) => "choice",
            Kind::Text { .. } => "text",
            Kind::Secret => "secret",
            Kind::List { .. } => "list",
        }
    }

    /// The bounds in words, for help.
    pub fn bounds(self) -> String {
        match self {
            Kind::Port => "0 to 65535, 0 = off".to_owned(),
            Kind::Number { min, max, unit: "" } => format!("{min} to {max}"),
            Kind::Number { min, max, unit } => format!("{min} to {max} {unit}"),
            Kind::Megabytes { min, max } => format!("{min} to {max} MB"),
            Kind::Switch => "on or off".to_owned(),
            Kind::Choice(words) => words.join(", "),
            Kind::Text { rule, empty: true } => format!("{}, or empty", rule.words()),
            Kind::Text { rule, empty: false } => rule.words().to_owned(),
            Kind::Secret => format!("at most {LONGEST_SECRET} characters, or empty; never shown"),
            Kind::List { rule, most } => format!("at most {most} entries, each {}", rule.words()),
        }
    }

    /// The bounds as values, for a form: least and largest number, unit, words to choose from, most entries. What a kind does
    /// not have is null.
    pub fn limits(self) -> Json {
        let (range, unit) = match self {
            Kind::Port => (Some((0, u64::from(u16::MAX))), ""),
            Kind::Number { min, max, unit } => (Some((min, max)), unit),
            Kind::Megabytes { min, max } => (Some((min, max)), "MB"),
            Kind::Switch | Kind::Choice(_) | Kind::Text { .. } | Kind::Secret | Kind::List { .. } => (None, ""),
        };
        let choices = if let Kind::Choice(words) = self { Some(words) } else { None };
        let entries = if let Kind::List { most, .. } = self { Some(most) } else { None };
        let unit = Some(unit).filter(|unit| !unit.is_empty());
        json!({ "min": range.map(|r| r.0), "max": range.map(|r| r.1), "unit": unit, "choices": choices, "entries": entries })
    }

    /// The text as anybody may see it: of a secret only whether it is there.
    pub fn shown(self, text: &str) -> &str {
        if self == Kind::Secret && !text.is_empty() { HIDDEN } else { text }
    }

    /// The typed JSON form of a text that this kind wrote.
    pub fn json(self, text: &str) -> Json {
        match self {
            Kind::Port | Kind::Number { .. } | Kind::Megabytes { .. } => {
                text.parse::<u64>().map_or_else(|_| json!(text), |n| json!(n))
            }
            Kind::Switch => json!(text == "on"),
            Kind::Choice(_) | Kind::Text { .. } => json!(text),
            Kind::Secret => json!(self.shown(text)),
            Kind::List { .. } => entries(text).collect(),
        }
    }
}

/// The text form of a JSON value as the API takes it: text, number, true/false, or an array of these.
pub fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(n) => Some(n.to_string()),
        Json::Bool(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        Json::Array(items) => {
            let texts: Option<Vec<String>> = items
                .iter()
                .map(|item| match item {
                    Json::String(_) | Json::Number(_) => text_of(item),
                    Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
                })
                .collect();
            texts.map(|t| t.join(", "))
        }
        Json::Null | Json::Object(_) => None,
    }
}

/// A type of a field of [`super::Settings`].
pub(super) trait Value: Sized {
    /// Reads; the error is the end of a sentence that begins with the setting's name.
    fn read(text: &str, kind: Kind) -> Result<Self, String>;
    /// Writes what `read` reads.
    fn text(&self, kind: Kind) -> String;
}

fn number(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let text = text.trim();
    let n: u64 = text.parse().map_err(|_| format!("must be a whole number from {min} to {max}"))?;
    if (min..=max).contains(&n) { Ok(n) } else { Err(format!("must be from {min} to {max}, not {n}")) }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty())
}

/// The bounds of a kind that holds numbers; another kind never meets a number (the table's test reads every default).
fn range(kind: Kind) -> (u64, u64) {
    match kind {
        Kind::Port => (0, u64::from(u16::MAX)),
        Kind::Number { min, max, .. } | Kind::Megabytes { min, max } => (min, max),
        Kind::Switch | Kind::Choice(_) | Kind::Text { .. } | Kind::Secret | Kind::List { .. } => {
            (0, u64::from(u16::MAX))
        }
    }
}

impl Value for u16 {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        let (min, max) = range(kind);
        number(text, min, max).and_then(|n| n.try_into().map_err(|_| "is too large".to_owned()))
    }
    fn text(&self, _kind: Kind) -> String {
        self.to_string()
    }
}

impl Value for u32 {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        let (min, max) = range(kind);
        number(text, min, max).and_then(|n| n.try_into().map_err(|_| "is too large".to_owned()))
    }
    fn text(&self, _kind: Kind) -> String {
        self.to_string()
    }
}

impl Value for u64 {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        let (min, max) = range(kind);
        Ok(number(text, min, max)?.saturating_mul(scale(kind)))
    }
    fn text(&self, kind: Kind) -> String {
        (self / scale(kind)).to_string()
    }
}

fn scale(kind: Kind) -> u64 {
    if matches!(kind, Kind::Megabytes { .. }) { 1_048_576 } else { 1 }
}

impl Value for bool {
    fn read(text: &str, _kind: Kind) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" | "1" => Ok(true),
            "off" | "false" | "no" | "0" => Ok(false),
            _ => Err("must be on or off".to_owned()),
        }
    }
    fn text(&self, _kind: Kind) -> String {
        if *self { "on" } else { "off" }.to_owned()
    }
}

impl Value for TlsMode {
    fn read(text: &str, _kind: Kind) -> Result<Self, String> {
        TlsMode::parse(text.trim()).ok_or_else(|| format!("must be one of {}", TlsMode::WORDS.join(", ")))
    }
    fn text(&self, _kind: Kind) -> String {
        self.word().to_owned()
    }
}

impl Value for HopTls {
    fn read(text: &str, _kind: Kind) -> Result<Self, String> {
        HopTls::parse(text.trim()).ok_or_else(|| format!("must be one of {}", HopTls::WORDS.join(", ")))
    }
    fn text(&self, _kind: Kind) -> String {
        self.word().to_owned()
    }
}

impl Value for String {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        too_long(text)?;
        // Blanks may be a part of a password.
        let text = if kind == Kind::Secret { text } else { text.trim() };
        match kind {
            Kind::Secret if !text.starts_with(SEALED) && text.chars().count() > LONGEST_SECRET => {
                Err(format!("is longer than {LONGEST_SECRET} characters"))
            }
            Kind::Secret => Ok(text.to_owned()),
            Kind::Text { empty: true, .. } if text.is_empty() => Ok(String::new()),
            Kind::Text { .. } if text.is_empty() => Err("must not be empty".to_owned()),
            Kind::Text { rule, .. } => rule.check(text),
            Kind::Port | Kind::Number { .. } | Kind::Megabytes { .. } | Kind::Switch => Ok(text.to_owned()),
            Kind::Choice(_) | Kind::List { .. } => Ok(text.to_owned()),
        }
    }
    fn text(&self, _kind: Kind) -> String {
        self.clone()
    }
}

impl Value for Vec<String> {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        // What is pasted from a zone or a table has tabs.
        let text = &text.replace('\t', " ");
        too_long(text)?;
        let Kind::List { rule, most } = kind else {
            return Ok(Vec::new());
        };
        let mut list: Vec<String> = Vec::new();
        for entry in entries(text) {
            let entry = rule.check(entry).map_err(|what| format!("has an entry '{entry}' that {what}"))?;
            if list.iter().any(|old| old.to_lowercase() == entry.to_lowercase()) {
                return Err(format!("names '{entry}' twice"));
            }
            list.push(entry);
        }
        if list.len() > most { Err(format!("has {} entries, at most {most} fit", list.len())) } else { Ok(list) }
    }
    fn text(&self, _kind: Kind) -> String {
        self.join(", ")
    }
}

impl Value for Vec<u8> {
    fn read(text: &str, kind: Kind) -> Result<Self, String> {
        let texts = <Vec<String> as Value>::read(text, kind)?;
        let mut list: Vec<u8> = texts.iter().filter_map(|entry| entry.parse().ok()).collect();
        list.sort_unstable();
        Ok(list)
    }
    fn text(&self, _kind: Kind) -> String {
        self.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
    }
}

fn too_long(text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} octets"));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err("has a control character in it".to_owned());
    }
    Ok(())
}
