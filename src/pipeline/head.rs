//! The header section of a message on its way in: where it ends, what is stamped on it, what is taken off. Pure.

use super::Origin;
use crate::{
    limits,
    mime::{self, stamp},
    types::{Address, Envelope, QueueId, UnixTime},
};

/// Collects octets until the header section is whole.
#[derive(Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    searched: usize,
}

/// Why a header section is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadHead {
    /// Over [`limits::HEADER_SECTION`].
    TooBig,
    /// Over [`limits::RECEIVED_HOPS`].
    Loop,
    /// It was forwarded by this address before.
    Again,
}

/// A header section and what came behind it in the same piece.
pub(super) struct Whole {
    section: Vec<u8>,
    rest: Vec<u8>,
}

impl Head {
    /// Takes a piece; gives the section as soon as its end was seen.
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<Option<Whole>, BadHead> {
        self.bytes.extend_from_slice(piece);
        // The blank line may straddle two pieces: CR LF | CR LF.
        let from = self.searched.saturating_sub(3);
        let found = if from == 0 {
            mime::header_end(&self.bytes)
        } else {
            self.bytes[from..].windows(4).position(|w| w == b"\r\n\r\n").map(|at| from + at + 4)
        };
        self.searched = self.bytes.len();
        match found {
            Some(end) if end <= limits::HEADER_SECTION => Ok(Some(self.cut(end))),
            None if self.bytes.len() <= limits::HEADER_SECTION => Ok(None),
            Some(_) | None => match self.garbage() {
                Some(at) => Ok(Some(self.cut(at))),
                None => Err(BadHead::TooBig),
            },
        }
    }

    /// The message ended before a blank line came.
    pub(super) fn end(&mut self) -> Whole {
        self.cut(self.bytes.len())
    }

    fn cut(&mut self, end: usize) -> Whole {
        let mut section = std::mem::take(&mut self.bytes);
        let rest = section.split_off(end);
        Whole { section, rest }
    }

    /// Where the first line stands that is no header field, within the cap: the body begins there (as Postfix has it).
    fn garbage(&self) -> Option<usize> {
        let section = &self.bytes[..self.bytes.len().min(limits::HEADER_SECTION)];
        first_garbage(section)
    }
}

fn first_garbage(section: &[u8]) -> Option<usize> {
    let mut at = 0;
    for field in mime::fields(section) {
        if field.name.is_empty() && !field.raw.starts_with(b"\r\n") {
            return Some(at);
        }
        at += field.raw.len();
    }
    None
}

/// What the trace fields are made of.
pub(super) struct Stamp<'a> {
    pub origin: &'a Origin,
    pub envelope: &'a Envelope,
    /// The alias that sends it on to another server.
    pub forwarder: Option<&'a Address>,
    pub qid: &'a QueueId,
    pub server: &'a str,
    pub at: UnixTime,
}

impl Whole {
    /// The Message-ID as it came, for the journal.
    pub(super) fn message_id(&self) -> String {
        mime::message_id(&self.section).unwrap_or_default()
    }

    /// The header section as it came (for a notice).
    pub(super) fn section(&self) -> &[u8] {
        &self.section
    }

    /// The bytes that are stored in place of those that came: trace fields, completed fields, the section, a blank line, the rest.
    pub(super) fn stamped(&self, stamp: &Stamp<'_>) -> Result<Vec<u8>, BadHead> {
        if mime::count_received(&self.section) > limits::RECEIVED_HOPS {
            return Err(BadHead::Loop);
        }
        let mut out = Vec::with_capacity(self.section.len() + self.rest.len() + 512);
        out.extend_from_slice(stamp::return_path(&stamp.envelope.from).as_bytes());
        if let Some(forwarder) = stamp.forwarder {
            if self.was_forwarded_by(forwarder) {
                return Err(BadHead::Again);
            }
            out.extend_from_slice(format!("Delivered-To: {forwarder}\r\n").as_bytes());
        }
        out.extend_from_slice(received(stamp).as_bytes());
        let submitted = matches!(stamp.origin, Origin::Smtp { complete: true, .. });
        if submitted {
            self.complete(stamp, &mut out);
        }
        let headers = first_garbage(&self.section).unwrap_or(self.section.len());
        let mut blank = false;
        for field in mime::fields(&self.section[..headers]) {
            // RFC 5321 s4.4: one Return-Path, ours. RFC 5322 s3.6.3: a submitted Bcc tells nobody.
            if field.is("return-path") || (submitted && field.is("bcc")) {
                continue;
            }
            blank = field.raw == b"\r\n";
            out.extend_from_slice(field.raw);
        }
        if !blank {
            // A last line without its CRLF would swallow the blank line.
            if !out.ends_with(b"\r\n") {
                out.extend_from_slice(b"\r\n");
            }
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(&self.section[headers..]);
        out.extend_from_slice(&self.rest);
        Ok(out)
    }

    /// qmail's and Postfix' way to know a message again.
    fn was_forwarded_by(&self, forwarder: &Address) -> bool {
        let delivered = mime::fields(&self.section).filter(|f| f.is("delivered-to"));
        delivered.map(|f| f.text()).any(|text| Address::parse(text.trim_matches(['<', '>'])).as_ref() == Ok(forwarder))
    }

    /// RFC 6409 s8.1, s8.3: what a client forgot.
    fn complete(&self, stamp: &Stamp<'_>, out: &mut Vec<u8>) {
        let has = |name: &str| mime::fields(&self.section).any(|f| f.is(name));
        if !has("date") {
            out.extend_from_slice(format!("Date: {}\r\n", stamp::date(stamp.at)).as_bytes());
        }
        if !has("message-id") {
            let id = stamp::new_message_id(stamp.at, stamp.qid.as_str(), stamp.server);
            out.extend_from_slice(format!("Message-ID: {id}\r\n").as_bytes());
        }
        if !has("from")
            && let Some(from) = stamp.envelope.from.address()
        {
            out.extend_from_slice(format!("From: <{from}>\r\n").as_bytes());
        }
    }
}

fn received(stamp: &Stamp<'_>) -> String {
    let Origin::Smtp { ip, helo, with, tls, login, .. } = stamp.origin else {
        return String::new();
    };
    let only = stamp.envelope.recipients().next().filter(|_| stamp.envelope.count() == 1);
    stamp::Received {
        helo,
        ip: *ip,
        by: stamp.server,
        with,
        tls: tls.as_deref(),
        qid: stamp.qid,
        for_: only,
        login: login.as_ref(),
        at: stamp.at,
    }
    .write()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Address, BodyId, Rcpt, ReversePath, Terms, Wishes};

    fn stamped(message: &[u8], complete: bool, step: usize) -> Result<String, BadHead> {
        let mut head = Head::default();
        let mut whole = None;
        let mut rest = Vec::new();
        for piece in message.chunks(step) {
            match &whole {
                None => whole = head.take(piece)?,
                Some(_) => rest.extend_from_slice(piece),
            }
        }
        let whole = whole.unwrap_or_else(|| head.end());
        let ann = Address::parse("ann@office.test").unwrap();
        let origin = Origin::Smtp {
            ip: [192, 0, 2, 1].into(),
            helo: "h.test".into(),
            with: "ESMTP",
            tls: None,
            login: None,
            complete,
            relays: complete,
        };
        let stamp = Stamp {
            origin: &origin,
            envelope: &Envelope::new(
                ReversePath::Address(ann.clone()),
                Terms::default(),
                Rcpt::new(ann, Wishes::default()),
            ),
            forwarder: None,
            qid: &QueueId::of(BodyId(7)),
            server: "mail.office.test",
            at: UnixTime(1_700_000_000),
        };
        let mut out = whole.stamped(&stamp)?;
        out.extend_from_slice(&rest);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("Return-Path: <ann@office.test>\r\nReceived: from h.test"), "{text}");
        // Behind the trace, which other tests read: the first line that neither is Received nor its continuation.
        let skip: usize = text
            .split_inclusive("\r\n")
            .skip(1)
            .take_while(|l| l.starts_with("Received") || l.starts_with('\t') || l.starts_with(' '))
            .map(str::len)
            .sum();
        Ok(text["Return-Path: <ann@office.test>\r\n".len() + skip..].to_owned())
    }

    #[test]
    fn an_ordinary_message_keeps_its_bytes_however_it_is_cut() {
        let message = b"Subject: x\r\n folded\r\nTo: y\r\n\r\nbody\r\n\r\nmore\r\n";
        for step in 1..message.len() {
            assert_eq!(stamped(message, false, step).unwrap().as_bytes(), message, "step {step}");
        }
    }

    #[test]
    fn an_old_return_path_and_a_submitted_bcc_are_taken_off() {
        let message =
            b"Return-Path: <a@b.test>\r\nBcc: c@d.test\r\nDate: x\r\nMessage-ID: <y>\r\nFrom: z\r\n\r\nbody\r\n";
        let text = stamped(message, true, 1000).unwrap();
        assert_eq!(text, "Date: x\r\nMessage-ID: <y>\r\nFrom: z\r\n\r\nbody\r\n");
        assert!(stamped(message, false, 1000).unwrap().contains("Bcc"));
    }

    #[test]
    fn a_submission_without_date_and_message_id_gets_them() {
        let text = stamped(b"Subject: x\r\n\r\nbody\r\n", true, 1000).unwrap();
        assert!(text.contains("Date: ") && text.contains("Message-ID: <") && text.contains("From: <ann@"), "{text}");
    }

    #[test]
    fn a_message_without_headers_gets_a_blank_line_before_its_first_line() {
        assert_eq!(stamped(b"hello there\r\nsecond\r\n", false, 3).unwrap(), "\r\nhello there\r\nsecond\r\n");
        assert_eq!(stamped(b"Subject: x\r\nhello there\r\n", false, 3).unwrap(), "Subject: x\r\n\r\nhello there\r\n");
        assert_eq!(stamped(b"\r\nbody\r\n", false, 1).unwrap(), "\r\nbody\r\n");
        assert_eq!(stamped(b"Subject: x\r\n", false, 1).unwrap(), "Subject: x\r\n\r\n");
    }

    #[test]
    fn a_loop_and_an_endless_header_are_refused() {
        let mut looping = b"Received: by x\r\n".repeat(limits::RECEIVED_HOPS + 1);
        looping.extend_from_slice(b"\r\n");
        assert_eq!(stamped(&looping, false, 4096), Err(BadHead::Loop));
        let endless = b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(limits::HEADER_SECTION / 40);
        assert_eq!(stamped(&endless, false, 4096), Err(BadHead::TooBig));
    }

    #[test]
    fn a_forwarder_knows_a_message_again() {
        let (out, far) = (Address::parse("Out@office.test").unwrap(), Address::parse("x@far.test").unwrap());
        let envelope = Envelope::new(ReversePath::Null, Terms::default(), Rcpt::new(out.clone(), Wishes::default()));
        let stamped = |message: &[u8]| {
            let whole = Head::default().take(message).unwrap().unwrap();
            let stamp = Stamp {
                origin: &Origin::Ours,
                envelope: &envelope,
                forwarder: Some(&out),
                qid: &QueueId::of(BodyId(7)),
                server: "mail.office.test",
                at: UnixTime(1_700_000_000),
            };
            whole.stamped(&stamp).map(|bytes| String::from_utf8(bytes).unwrap())
        };
        let other = format!("Delivered-To: {far}\r\nSubject: x\r\n\r\nbody\r\n");
        let first = stamped(other.as_bytes()).unwrap();
        assert_eq!(first, format!("Return-Path: <>\r\nDelivered-To: Out@office.test\r\n{other}"));
        assert_eq!(stamped(b"delivered-to: <out@OFFICE.test>\r\n\r\n"), Err(BadHead::Again));
    }

    #[test]
    fn a_long_text_without_headers_is_no_endless_header() {
        let text = b"just words without a colon at all\r\n".repeat(limits::HEADER_SECTION / 30);
        assert_eq!(stamped(&text, false, 4096).unwrap().len(), text.len() + 2);
    }
}
