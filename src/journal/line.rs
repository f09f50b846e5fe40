//! A line before it has a time.

use super::Sent;

/// The program name of a line, as Postfix and Dovecot would sign it (so that pflogsumm and fail2ban match).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `postfix/smtpd` (port 25)
    Smtpd,
    /// `postfix/submission/smtpd` (587)
    Submission,
    /// `postfix/smtps/smtpd` (465)
    Smtps,
    /// `postfix/cleanup`
    Cleanup,
    /// `postfix/qmgr`
    Qmgr,
    /// `postfix/local`
    Local,
    /// `postfix/bounce`
    Bounce,
    /// `postfix/smtp` (mail that leaves)
    Smtp,
    /// `postfix/lmtp` (to a store behind us)
    Lmtp,
    /// `postfix/discard` (a route that leads nowhere)
    Discard,
    /// `postfix/error` (put off or given up without an attempt)
    Error,
    /// `dovecot` (POP3, IMAP, logins)
    Dovecot,
    /// `gatepost`: the house itself, settings, the store
    Gatepost,
}

/// Tag, the code it has in day files (never given to another), and its name behind the mail tag.
const TAGS: [(Tag, u8, Option<&str>); 13] = [
    (Tag::Gatepost, 0, None),
    (Tag::Smtpd, 1, Some("smtpd")),
    (Tag::Submission, 2, Some("submission/smtpd")),
    (Tag::Smtps, 3, Some("smtps/smtpd")),
    (Tag::Cleanup, 4, Some("cleanup")),
    (Tag::Qmgr, 5, Some("qmgr")),
    (Tag::Local, 6, Some("local")),
    (Tag::Bounce, 7, Some("bounce")),
    (Tag::Dovecot, 8, None),
    (Tag::Smtp, 9, Some("smtp")),
    (Tag::Lmtp, 10, Some("lmtp")),
    (Tag::Discard, 11, Some("discard")),
    (Tag::Error, 12, Some("error")),
];

impl Tag {
    /// The program's name; `mail` (the setting `syslog_mail_tag`) stands for `postfix`.
    pub fn program(self, mail: &str) -> String {
        match self {
            Tag::Dovecot => "dovecot".to_owned(),
            Tag::Gatepost => "gatepost".to_owned(),
            Tag::Smtpd
            | Tag::Submission
            | Tag::Smtps
            | Tag::Cleanup
            | Tag::Qmgr
            | Tag::Local
            | Tag::Bounce
            | Tag::Smtp
            | Tag::Lmtp
            | Tag::Discard
            | Tag::Error => {
                let part = TAGS.iter().find(|t| t.0 == self).and_then(|t| t.2).unwrap_or_default();
                format!("{mail}/{part}")
            }
        }
    }

    /// Its code in a day file.
    pub fn code(self) -> u8 {
        TAGS.iter().find(|t| t.0 == self).map_or(0, |t| t.1)
    }

    /// The tag of a code; a newer program's code is `gatepost`.
    pub fn of_code(code: u8) -> Tag {
        TAGS.iter().find(|t| t.1 == code).map_or(Tag::Gatepost, |t| t.0)
    }
}

/// RFC 5424 s6.2.1, the ones we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Red in the journal (M3).
    Error,
    /// Somebody should look.
    Warning,
    /// Ordinary.
    Info,
    /// Only when asked for.
    Debug,
}

impl Severity {
    /// The numerical code of RFC 5424 s6.2.1 (RFC 3164 s4.1.1).
    pub fn code(self) -> u8 {
        match self {
            Severity::Error => 3,
            Severity::Warning => 4,
            Severity::Info => 6,
            Severity::Debug => 7,
        }
    }

    /// The severity of a code in a day file.
    pub fn of_code(code: u8) -> Severity {
        match code {
            0..=3 => Severity::Error,
            4 => Severity::Warning,
            5 | 6 => Severity::Info,
            7.. => Severity::Debug,
        }
    }
}

/// A message that was taken in, for the counters and the feed (A18, A20, A24). Its texts are safe already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Which counter it counts for.
    pub way: Way,
    /// Reverse-path; empty for the null sender.
    pub from: String,
    /// The first recipient.
    pub to: String,
    /// How many more recipients it has.
    pub more: u32,
    /// Octets.
    pub size: u64,
}

/// Which way a message went. Whoever did not log in is a stranger to these counts, also in the LAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// From a stranger to a mailbox of ours.
    Received,
    /// From one of our users, or from a device that may relay, to other servers.
    Sent,
    /// Both: from one of our users to a mailbox of ours (and perhaps to others).
    Within,
}

impl Way {
    /// The counters, in the order of the page.
    pub const COUNTERS: [Way; 2] = [Way::Received, Way::Sent];

    /// By who sent it and where it goes.
    pub fn of(logged_in: bool, here: bool, away: bool) -> Way {
        match (here, logged_in || away) {
            (true, false) => Way::Received,
            (true, true) => Way::Within,
            (false, _) => Way::Sent,
        }
    }

    /// The counters that it counts in.
    pub fn counters(self) -> &'static [Way] {
        match self {
            Way::Received => &[Way::Received],
            Way::Sent => &[Way::Sent],
            Way::Within => &Way::COUNTERS,
        }
    }

    /// Its word in the API.
    pub fn word(self) -> &'static str {
        match self {
            Way::Received => "received",
            Way::Sent => "sent",
            Way::Within => "within",
        }
    }

    /// Its code in a day file, never given to another.
    pub fn code(self) -> u8 {
        match self {
            Way::Received => 1,
            Way::Sent => 2,
            Way::Within => 3,
        }
    }

    /// The way of a code; none for one of a newer program.
    pub fn of_code(code: u8) -> Option<Way> {
        [Way::Received, Way::Sent, Way::Within].into_iter().find(|way| way.code() == code)
    }
}

/// What an event says. The text is safe already: printable, bounded, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who signs.
    pub tag: Tag,
    /// How grave.
    pub severity: Severity,
    /// The words.
    pub text: String,
    /// The message that it is about, on the one line that counts it.
    pub passed: Option<Box<Passed>>,
    /// What it counts besides, since the words are for people and may change.
    pub counts: Option<Count>,
}

/// What a line counts beside a message that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// A command or a message was refused.
    Refused,
    /// So many logins failed.
    FailedLogins(u32),
    /// An attempt of a recipient elsewhere.
    Outgoing(Sent),
}

impl Line {
    /// An ordinary line.
    pub fn info(tag: Tag, text: String) -> Self {
        Line { tag, severity: Severity::Info, text, passed: None, counts: None }
    }

    /// A warning.
    pub fn warning(tag: Tag, text: String) -> Self {
        Line { severity: Severity::Warning, ..Line::info(tag, format!("warning: {text}")) }
    }

    /// An error.
    pub fn error(tag: Tag, text: String) -> Self {
        Line { severity: Severity::Error, ..Line::info(tag, format!("error: {text}")) }
    }

    /// The same line, counted.
    pub fn counted(self, count: Count) -> Self {
        Line { counts: Some(count), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_has_its_own_code_and_comes_back() {
        for (tag, code, _) in TAGS {
            assert_eq!(tag.code(), code);
            assert_eq!(Tag::of_code(code), tag);
        }
    }

    #[test]
    fn a_stranger_is_received_a_user_sends_and_between_users_it_is_both() {
        let counters = |logged_in, here, away| Way::of(logged_in, here, away).counters();
        assert_eq!(counters(false, true, false), [Way::Received]);
        assert_eq!(counters(true, false, true), [Way::Sent]);
        assert_eq!(counters(false, false, true), [Way::Sent], "a device that may relay");
        for (logged_in, away) in [(true, false), (true, true), (false, true)] {
            assert_eq!(counters(logged_in, true, away), [Way::Received, Way::Sent]);
        }
        for way in [Way::Received, Way::Sent, Way::Within] {
            assert_eq!(Way::of_code(way.code()), Some(way));
        }
    }

    #[test]
    fn the_mail_tag_renames_postfix_only() {
        assert_eq!(Tag::Smtpd.program("postfix"), "postfix/smtpd");
        assert_eq!(Tag::Submission.program("mail"), "mail/submission/smtpd");
        assert_eq!(Tag::Dovecot.program("mail"), "dovecot");
        assert_eq!(Tag::Gatepost.program("mail"), "gatepost");
    }
}
