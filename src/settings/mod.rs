//! The settings table: key, type, bounds, default, help; and the typed snapshot that is checked as a whole.
//!
//! One declaration in `table` makes both the fields of [`Settings`] and the rows of [`TABLE`]: there is no second list.
//! No I/O: `store` keeps the versions, `admin` writes them, `app` applies them. Must not know who reads a setting.

mod kind;
mod rules;
mod sections;
mod table;
mod version;

use std::{collections::BTreeMap, fmt};

pub use kind::{HIDDEN, Kind, SEALED, text_of};
pub use rules::{Rule, name_server};
pub use sections::{SECTIONS, Section, section};
pub use table::{Entry, Settings, TABLE};
pub use version::{KEEP_VERSIONS, ROW_KIND, Version, Versions};

use crate::types::map_of;

/// Off, offered, or demanded (Q10), the stricter one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsMode {
    /// No TLS on this service.
    Off,
    /// STARTTLS is offered; plaintext login only from private networks.
    Opportunistic,
    /// Nothing but EHLO, NOOP, QUIT, STARTTLS (STLS) before TLS... for logins; strangers' mail on 25 is still taken.
    Required,
}

impl TlsMode {
    /// The words of the setting, in the order of the variants.
    pub const WORDS: &'static [&'static str] = &["off", "opportunistic", "required"];

    /// The word of the setting.
    pub fn word(self) -> &'static str {
        match self {
            TlsMode::Off => "off",
            TlsMode::Opportunistic => "opportunistic",
            TlsMode::Required => "required",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [TlsMode::Off, TlsMode::Opportunistic, TlsMode::Required].into_iter().find(|mode| mode.word() == word)
    }
}

/// Characters of a key that an error repeats.
const LONGEST_KEY: usize = 64;

/// What is wrong with one setting; a sentence when the key is put before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The setting.
    pub key: String,
    /// What is wrong and what would be right.
    pub what: String,
}

impl FieldError {
    /// An error of `key`.
    pub fn new(key: &str, what: String) -> Self {
        FieldError { key: key.to_owned(), what }
    }
}

/// One line whatever the key is: somebody's text, it may hold a line break or a terminal's control codes.
impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.key.chars().take(LONGEST_KEY) {
            if c.is_control() { write!(f, "{}", c.escape_unicode())? } else { write!(f, "{c}")? }
        }
        write!(f, " {}", self.what)
    }
}

impl Settings {
    /// The snapshot of these fields (what is absent has its default), or everything that is wrong with them.
    pub fn check(fields: &BTreeMap<String, String>) -> Result<Settings, Vec<FieldError>> {
        let (settings, errors) = Settings::tolerant(fields);
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    /// The same for a version that is stored already: what cannot be read has its default, so that one bad field (another
    /// firmware wrote it, a bit fell) does not stop a boot. The errors are to be told.
    pub fn tolerant(fields: &BTreeMap<String, String>) -> (Settings, Vec<FieldError>) {
        let mut settings = Settings::default();
        let mut errors = Vec::new();
        for (key, text) in fields {
            let result = match entry(key) {
                Some(entry) => (entry.set)(&mut settings, text),
                None => Err(unknown(key)),
            };
            if let Err(what) = result {
                errors.push(FieldError::new(key, what));
            }
        }
        for error in rules::together(&settings) {
            if !errors.iter().any(|e| e.key == error.key) {
                errors.push(error);
            }
        }
        (settings, errors)
    }

    /// Every setting's text, by key.
    pub fn texts(&self) -> BTreeMap<&'static str, String> {
        map_of(TABLE.iter().map(|entry| (entry.key, (entry.get)(self))))
    }

    /// The port of a setting that names one (`smtp.port`, `pop3.ssl.port`) as it should be open: 0 while its service, SSL or the
    /// mail server is switched off.
    pub fn open_port(&self, key: &str) -> u16 {
        let (port, family, ssl) = match key {
            "smtp.port" => (self.smtp_port, self.smtp_enabled, false),
            "smtp.submission.port" => (self.submission_port, self.smtp_enabled, false),
            "smtp.ssl.port" => (self.smtps_port, self.smtp_enabled, true),
            "pop3.port" => (self.pop3_port, self.pop3_enabled, false),
            "pop3.ssl.port" => (self.pop3s_port, self.pop3_enabled, true),
            "imap.port" => (self.imap_port, self.imap_enabled, false),
            "imap.ssl.port" => (self.imaps_port, self.imap_enabled, true),
            // The page stays up while the mail server is off.
            "http.port" => return self.http_port,
            "http.ssl.port" => return self.https_port(),
            // No other setting names a port.
            _ => (0, false, false),
        };
        if self.mail_enabled && family && (self.ssl || !ssl) { port } else { 0 }
    }

    /// The stricter one of what POP3 and IMAP ask for, which have one certificate (E3).
    pub fn readers_tls(&self) -> TlsMode {
        self.pop3_tls.max(self.imap_tls)
    }

    /// The HTTPS port, 0 where it does not listen.
    pub fn https_port(&self) -> u16 {
        if self.http_tls == TlsMode::Off { 0 } else { self.https_port }
    }

    /// The least number of characters of a new password; None when this one is long enough.
    pub fn password_too_short(&self, password: &str) -> Option<u32> {
        let length = u32::try_from(password.chars().count()).unwrap_or(u32::MAX);
        (length < self.password_min).then_some(self.password_min)
    }
}

/// The row of the table for a key.
pub fn entry(key: &str) -> Option<&'static Entry> {
    TABLE.iter().find(|entry| entry.key == key)
}

/// A setting's text as anybody may see it: of a secret only whether it is there.
pub fn shown(key: &str, text: &str) -> String {
    entry(key).map_or(text, |entry| entry.kind.shown(text)).to_owned()
}

fn unknown(key: &str) -> String {
    match nearest(key) {
        Some(near) => format!("is no setting; did you mean {near}?"),
        None => "is no setting; `gatepost settings list` shows all".to_owned(),
    }
}

/// The key that differs least, if it is not quite another word.
pub fn nearest(key: &str) -> Option<&'static str> {
    let key: String = key.chars().take(64).collect::<String>().to_ascii_lowercase();
    let (far, near) = TABLE.iter().map(|entry| (distance(&key, entry.key), entry.key)).min()?;
    (far <= 2 + near.len() / 4).then_some(near)
}

/// Insertions, removals and replacements between two texts (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
