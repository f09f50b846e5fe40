//! What `admin` tells: who changed what, from where. A password never comes here: no event has a place for one.

use std::net::IpAddr;

use super::{
    Line, Tag, safe,
    web::{self, WebLogin},
};

/// Octets of a setting's value that a line shows.
const VALUE: usize = 120;

/// Events of `admin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminEvent {
    /// A domain, mailbox, alias or administrator was changed.
    Directory {
        /// What was done: `mailbox ann@office.test added`.
        what: String,
        /// Who.
        who: String,
        /// From where.
        from: String,
    },
    /// A setting was changed; one line for each.
    Setting {
        /// The new version.
        rev: u64,
        /// The setting.
        key: String,
        /// Text before; None: default.
        old: Option<String>,
        /// Text now; None: default.
        new: Option<String>,
        /// Who.
        who: String,
        /// From where.
        from: String,
    },
    /// A certificate was stored, made or removed.
    Certificate {
        /// What was done: `certificate mail stored, valid for 89 days`.
        what: String,
        /// Who.
        who: String,
        /// From where.
        from: String,
    },
    /// The mail of a removed mailbox is gone from the disk.
    Purged {
        /// Its address.
        address: String,
    },
    /// The mail of a removed mailbox could not be deleted; it is tried again.
    NotPurged {
        /// Its address.
        address: String,
        /// Why.
        why: String,
    },
    /// A row of settings, directory or certificates cannot be read and was set aside.
    Damaged {
        /// A sentence.
        what: String,
    },
    /// A request broke something of ours (a panic): one request is lost.
    Broken {
        /// Method and path.
        request: String,
    },
    /// A check of the store ended.
    Checked {
        /// Messages that are listed.
        messages: u64,
        /// Places that are damaged.
        problems: u64,
        /// The first of them.
        first: Option<String>,
    },
    /// A login of the page or the API, or its end.
    Web {
        /// What.
        what: WebLogin,
        /// From where; None: the socket of the subcommands.
        ip: Option<IpAddr>,
        /// Whether it was encrypted.
        tls: bool,
    },
    /// The index was made again.
    Reindexed {
        /// Records.
        records: u64,
        /// Messages that cannot be read.
        unread: u64,
    },
    /// The API does not listen.
    Closed {
        /// Why.
        why: String,
    },
}

impl From<AdminEvent> for Line {
    fn from(event: AdminEvent) -> Line {
        match event {
            AdminEvent::Directory { what, who, from } | AdminEvent::Certificate { what, who, from } => {
                Line::info(Tag::Gatepost, format!("{} ({})", safe(&what, 700), person(&who, &from)))
            }
            AdminEvent::Setting { rev, key, old, new, who, from } => {
                let text =
                    |value: Option<String>| value.map_or("default".to_owned(), |v| format!("'{}'", safe(&v, VALUE)));
                let (key, old, new) = (safe(&key, 64), text(old), text(new));
                let who = person(&who, &from);
                Line::info(Tag::Gatepost, format!("setting {key} changed from {old} to {new}, version {rev} ({who})"))
            }
            AdminEvent::Purged { address } => {
                Line::info(Tag::Gatepost, format!("the mail of the removed mailbox {} is deleted", safe(&address, 330)))
            }
            AdminEvent::NotPurged { address, why } => Line::error(
                Tag::Gatepost,
                format!(
                    "the mail of the removed mailbox {} is not deleted yet: {}; it is tried again",
                    safe(&address, 330),
                    safe(&why, 300)
                ),
            ),
            AdminEvent::Damaged { what } => Line::error(Tag::Gatepost, safe(&what, 500)),
            AdminEvent::Broken { request } => Line::error(
                Tag::Gatepost,
                format!("a request of the administration broke and was given up: {}", safe(&request, 200)),
            ),
            AdminEvent::Checked { messages, problems: 0, .. } => {
                Line::info(Tag::Gatepost, format!("the store was checked: {messages} messages, all whole"))
            }
            AdminEvent::Checked { messages, problems, first } => {
                let first = safe(&first.unwrap_or_default(), 300);
                Line::error(
                    Tag::Gatepost,
                    format!("the store was checked: {messages} messages, {problems} problems; the first: {first}"),
                )
            }
            AdminEvent::Web { what, ip, tls } => web::line(what, ip, tls),
            AdminEvent::Reindexed { records, unread } => {
                let text = format!("the index was made again: {records} records, {unread} messages cannot be read");
                if unread == 0 { Line::info(Tag::Gatepost, text) } else { Line::warning(Tag::Gatepost, text) }
            }
            AdminEvent::Closed { why } => {
                Line::error(Tag::Gatepost, format!("the administration socket is closed: {}", safe(&why, 300)))
            }
        }
    }
}

fn person(who: &str, from: &str) -> String {
    format!("by {}, from {}", safe(who, 80), safe(from, 80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_who_and_from_where_and_cannot_forge_a_line() {
        let event = AdminEvent::Directory {
            what: "mailbox ann@office.test added".into(),
            who: "root\nNov 24 fake".into(),
            from: "socket".into(),
        };
        let line = Line::from(event);
        assert!(line.text.starts_with("mailbox ann@office.test added (by root"), "{}", line.text);
        assert!(!line.text.contains('\n') && line.text.ends_with(", from socket)"), "{}", line.text);
    }

    #[test]
    fn a_setting_shows_what_it_was_and_what_it_is() {
        let event = AdminEvent::Setting {
            rev: 7,
            key: "smtp.port".into(),
            old: None,
            new: Some("2525".into()),
            who: "root".into(),
            from: "socket".into(),
        };
        assert_eq!(
            Line::from(event).text,
            "setting smtp.port changed from default to '2525', version 7 (by root, from socket)"
        );
    }
}
