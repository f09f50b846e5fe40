//! Messages that the server writes itself: delivery status notifications (RFC 3464, RFC 6533) and warnings about a full mailbox (Q15).
//!
//! The caller sends them from the null reverse-path, so that a notice never makes a notice. Every octet of ours is 7-bit and every
//! line short, whatever stood in the message that failed; but to somebody whose address is not ASCII `To:` is in UTF-8 (RFC 6532),
//! and a message that comes back whole comes back as it was.

mod returned;
mod status;

use super::{
    advice::{self, Advice, Both},
    stamp,
    text::{base64_lines, host, printable, readable},
    words,
};
use crate::types::{Address, Answer, Orcpt, UnixTime};

/// Characters of an answer that are repeated.
const SAID_MAX: usize = 500;
/// Characters of an enhanced code: `5.123.123` and some room.
const STATUS_MAX: usize = 16;

/// What became of a recipient (RFC 3464 s2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Given up.
    Failed,
    /// Still being tried.
    Delayed,
    /// In a mailbox here.
    Delivered,
    /// Handed to a server that tells nothing (RFC 3461 s5.2.2).
    Relayed,
    /// It went on to several addresses (RFC 3461 s5.2.7.2).
    Expanded,
}

impl Action {
    /// The word of the field, and what a person is told of it.
    fn words(self) -> (&'static str, Both) {
        match self {
            Action::Failed => ("failed", advice::NOT_DELIVERED),
            Action::Delayed => ("delayed", advice::STILL_TRIED),
            Action::Delivered => ("delivered", advice::DELIVERED),
            Action::Relayed => ("relayed", advice::RELAYED),
            Action::Expanded => ("expanded", advice::EXPANDED),
        }
    }

    fn is_good(self) -> bool {
        match self {
            Action::Failed | Action::Delayed => false,
            Action::Delivered | Action::Relayed | Action::Expanded => true,
        }
    }
}

/// One recipient's part of a notice.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// Where it went or was to go.
    pub to: &'a Address,
    /// The recipient as the sender knows it, where that differs (an alias).
    pub original: Option<&'a Address>,
    /// What the sender said in `ORCPT=`.
    pub orcpt: Option<&'a Orcpt>,
    /// What became of it.
    pub action: Action,
    /// What was said, by us or by another server.
    pub answer: &'a Answer,
    /// When it is given up: of what is late.
    pub until: Option<UnixTime>,
}

/// A delivery status notification.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// Whoever sent the message: its reverse-path.
    pub to: &'a Address,
    /// Our server name (E1).
    pub host: &'a str,
    /// A name never used before (the notice's own queue id); goes into Message-ID and boundary.
    pub id: &'a str,
    /// Now.
    pub at: UnixTime,
    /// When the message arrived here.
    pub arrived: UnixTime,
    /// What the sender said in `ENVID=`.
    pub envid: Option<&'a str>,
    /// The recipients it is about.
    pub reports: &'a [Report<'a>],
    /// The message.
    pub original: Original<'a>,
}

/// What comes back of the message.
#[derive(Clone, Copy, Debug)]
pub enum Original<'a> {
    /// Its header section; the first 16 KiB are quoted.
    Header(&'a [u8]),
    /// All of it, in lines that end in CRLF.
    Whole(&'a [u8]),
}

impl Notice<'_> {
    /// The whole message with its header section.
    pub fn write(&self) -> Vec<u8> {
        let (title, opening) = self.title();
        let returned = returned::part(self.original, self.is_global());
        let boundary = boundary(self.id, &returned);
        let mut head = self.letter().head(title);
        if !returned.is_ascii() {
            head.push_str("Content-Transfer-Encoding: 8bit\r\n");
        }
        head.push_str(&format!(
            "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{boundary}\"\r\n\r\n"
        ));
        head.push_str("This is a delivery status notification (RFC 3464).\r\n\r\n");
        for part in [human_part(&self.words(opening)), status::part(self, self.is_global())] {
            head.push_str(&format!("--{boundary}\r\n{part}\r\n"));
        }
        head.push_str(&format!("--{boundary}\r\n"));
        let end = format!("\r\n--{boundary}--\r\n");
        [head.as_bytes(), &returned, end.as_bytes()].concat()
    }

    /// RFC 6533 s4: whoever has an address that is not ASCII reads the forms in UTF-8.
    fn is_global(&self) -> bool {
        !self.to.local.is_ascii()
    }

    /// The worst news first.
    fn title(&self) -> (Both, Both) {
        let any = |action: Action| self.reports.iter().any(|report| report.action == action);
        if any(Action::Failed) {
            (advice::FAILED, advice::FAILED_OPENING)
        } else if any(Action::Delayed) {
            (advice::DELAYED, advice::DELAYED_OPENING)
        } else {
            (advice::SUCCEEDED, advice::SUCCEEDED_OPENING)
        }
    }

    fn letter(&self) -> Letter<'_> {
        Letter { to: self.to, host: self.host, id: self.id, at: self.at }
    }

    /// What a person reads: both languages, one after the other.
    fn words(&self, opening: Both) -> String {
        let one = |pick: fn(Both) -> &'static str, signature: String| {
            let mut text = format!("{}\r\n", pick(opening));
            for report in self.reports {
                text.push_str(&report.words(pick));
            }
            format!("{text}\r\n{signature}\r\n")
        };
        let host = host(self.host);
        let ru = one(|b| b.ru, format!("Это сообщение составил почтовый сервер {host}. Отвечать на него не нужно."));
        let en = one(|b| b.en, format!("This notice was written by the mail server {host}. Please do not answer it."));
        format!("{ru}\r\n--------\r\n\r\n{en}")
    }
}

impl Report<'_> {
    /// What happened, what to do, what the other side said word for word.
    fn words(&self, pick: fn(Both) -> &'static str) -> String {
        let name = |address: &Address| format!("{}@{}", address.local, address.domain.to_unicode());
        let mut text = match self.original {
            Some(original) => format!("\r\n  {} (-> {})\r\n", name(original), name(self.to)),
            None => format!("\r\n  {}\r\n", name(self.to)),
        };
        let mut line = |words: &str| text.push_str(&format!("    {words}\r\n"));
        line(pick(self.action.words().1));
        if !self.action.is_good() {
            let Advice { what, todo, whom } = advice::of(self.answer);
            line(pick(*what));
            line(&format!("{}: {}", pick(whom.words()), pick(*todo)));
        }
        if let Some(until) = self.until {
            line(&format!("{} {}.", pick(advice::UNTIL), stamp::date(until)));
        }
        if let Some(said) = self.said() {
            line(&format!("{} {said}", pick(advice::SAID)));
        }
        text
    }

    /// `mx.far.test[192.0.2.1]:25: 550 5.1.1 No such user`
    fn said(&self) -> Option<String> {
        let Answer { peer, text, .. } = self.answer;
        let text = readable(text, SAID_MAX);
        if text.trim().is_empty() {
            return None;
        }
        let peer = readable(peer, 300);
        let colon = if peer.is_empty() { "" } else { ": " };
        Some(format!("{peer}{colon}{}{text}", self.codes()))
    }

    /// `550 5.1.1 `; empty where nobody replied.
    fn codes(&self) -> String {
        let Answer { code, status, .. } = self.answer;
        let status = printable(status, STATUS_MAX);
        let space = if status.is_empty() { "" } else { " " };
        if *code == 0 { String::new() } else { format!("{code} {status}{space}") }
    }
}

/// A warning to a user whose mailbox fills up (Q15: at 80, 90 and 95 %).
#[derive(Clone, Debug)]
pub struct QuotaWarning<'a> {
    /// The mailbox.
    pub to: &'a Address,
    /// Our server name (E1).
    pub host: &'a str,
    /// A name never used before.
    pub id: &'a str,
    /// Now.
    pub at: UnixTime,
    /// The mark that was passed.
    pub percent: u8,
    /// Octets in use.
    pub used: u64,
    /// Octets that may be used.
    pub quota: u64,
}

impl QuotaWarning<'_> {
    /// The whole message with its header section.
    pub fn write(&self) -> Vec<u8> {
        let QuotaWarning { to, percent, .. } = self;
        let (used, quota) = (mib(self.used), mib(self.quota));
        let ru = format!("Почтовый ящик {to} заполнен на {percent} %: занято {used} из {quota} МиБ.");
        let en = format!("The mailbox {to} is {percent} % full: {used} of {quota} MiB are in use.");
        let (do_ru, do_en) = (advice::FULL_ADVICE.ru, advice::FULL_ADVICE.en);
        let body = format!("{ru}\r\n{do_ru}\r\n\r\n--------\r\n\r\n{en}\r\n{do_en}\r\n");
        let letter = Letter { to: self.to, host: self.host, id: self.id, at: self.at };
        let mut out = letter.head(advice::ALMOST_FULL);
        out.push_str(&human_part(&body));
        out.into_bytes()
    }
}

/// Mebibytes with one digit behind the point, in integers.
fn mib(octets: u64) -> String {
    let tenths = octets.saturating_mul(10) / 1_048_576;
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What all our messages begin with.
struct Letter<'a> {
    to: &'a Address,
    host: &'a str,
    id: &'a str,
    at: UnixTime,
}

impl Letter<'_> {
    fn head(&self, subject: Both) -> String {
        let host = host(self.host);
        let subject = words::encode(&format!("{} / {}", subject.ru, subject.en));
        format!(
            "From: Mail Delivery System <MAILER-DAEMON@{host}>\r\n\
             To: <{}>\r\n\
             Subject: {subject}\r\n\
             Date: {}\r\n\
             Message-ID: {}\r\n\
             Auto-Submitted: auto-replied\r\n\
             MIME-Version: 1.0\r\n",
            self.to,
            stamp::date(self.at),
            stamp::new_message_id(self.at, self.id, &host),
        )
    }
}

fn human_part(text: &str) -> String {
    let head = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    format!("{head}{}", base64_lines(text.as_bytes()))
}

/// A boundary that does not occur in `text` (a sender may guess the id and write it into the message).
fn boundary(id: &str, text: &[u8]) -> String {
    let id: String = id.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    let stem = format!("=_gatepost_{id}_");
    let mut n = 0u32;
    loop {
        let boundary = format!("{stem}{n}");
        if !text.windows(boundary.len()).any(|w| w == boundary.as_bytes()) {
            return boundary;
        }
        n += 1;
    }
}

#[cfg(test)]
mod tests;
