//! The tree of a message's parts with the offsets of each: what IMAP's BODYSTRUCTURE and BODY[1.2] are made of.
//! Holds no bytes of bodies and decodes nothing.

use super::Valued;

/// Where a part lies in the message. `header <= body <= end`, and a part lies within its parent's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Offset of its header section.
    pub header: u64,
    /// Offset of its body, behind the blank line.
    pub body: u64,
    /// Offset behind the body; the line end before a boundary belongs to the boundary (RFC 2046 s5.1.1).
    pub end: u64,
    /// Line ends in the body.
    pub lines: u64,
}

/// One part: the message itself, a part of a multipart, or the message within a message/rfc822.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// The part it lies in; None for the message itself.
    pub parent: Option<usize>,
    /// The parts in it, in order: of a multipart; of a message/rfc822 the one message.
    pub children: Vec<usize>,
    /// Where it lies.
    pub extent: Extent,
    /// Content-Type: `type/subtype` in lower case, always with a `/`; RFC 2045 s5.2's default where it is missing or broken.
    pub media: Valued,
    /// Content-Transfer-Encoding in lower case; `7bit` where it is missing.
    pub encoding: String,
    /// Content-Disposition.
    pub disposition: Option<Valued>,
    /// Content-ID as written, unfolded, as are the next ones; octets that nobody decoded.
    pub id: Option<Vec<u8>>,
    /// Content-Description.
    pub description: Option<Vec<u8>>,
    /// Content-MD5.
    pub md5: Option<Vec<u8>>,
    /// Content-Language.
    pub language: Option<Vec<u8>>,
    /// Content-Location.
    pub location: Option<Vec<u8>>,
    /// What an envelope is made of, in order: of the message itself and of the message within a message/rfc822 only.
    pub heads: Vec<(Head, Vec<u8>)>,
}

/// A field that IMAP's ENVELOPE is made of (RFC 3501 s7.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Date
    Date,
    /// Subject
    Subject,
    /// From
    From,
    /// Sender
    Sender,
    /// Reply-To
    ReplyTo,
    /// To
    To,
    /// Cc
    Cc,
    /// Bcc
    Bcc,
    /// In-Reply-To
    InReplyTo,
    /// Message-ID
    MessageId,
}

impl Head {
    /// The field of this name, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        let known = match name.to_ascii_lowercase().as_slice() {
            b"date" => Head::Date,
            b"subject" => Head::Subject,
            b"from" => Head::From,
            b"sender" => Head::Sender,
            b"reply-to" => Head::ReplyTo,
            b"to" => Head::To,
            b"cc" => Head::Cc,
            b"bcc" => Head::Bcc,
            b"in-reply-to" => Head::InReplyTo,
            b"message-id" => Head::MessageId,
            _ => return None,
        };
        Some(known)
    }
}

impl Part {
    /// Whether its type is multipart; it may still have no parts (no boundary, nothing in it, or a cap).
    pub fn is_multipart(&self) -> bool {
        self.media.value.starts_with("multipart/")
    }

    /// Whether its body is a message that can be looked into: one that is encoded against RFC 2046 s5.2.1 is opaque.
    pub fn is_message(&self) -> bool {
        let message = matches!(self.media.value.as_str(), "message/rfc822" | "message/global");
        message && !matches!(self.encoding.as_str(), "base64" | "quoted-printable")
    }

    /// The name under which it would be saved, decoded; a stranger's text.
    pub fn filename(&self) -> Option<String> {
        let named = self.disposition.as_ref().and_then(|d| d.decoded("filename"));
        named.or_else(|| self.media.decoded("name"))
    }
}

/// All parts of a message; the message itself is the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    /// In the order in which they begin; never empty.
    pub parts: Vec<Part>,
    /// False when a cap was met (`limits::MIME_*`) and something was left opaque.
    pub complete: bool,
}

impl Structure {
    /// A part by its IMAP number (RFC 3501 s6.4.5): `[2, 1]` for `BODY[2.1]`, `[]` for the message itself.
    pub fn section(&self, numbers: &[u32]) -> Option<&Part> {
        let mut found: Option<&Part> = None;
        for &n in numbers {
            // Whose parts are counted, and whether a body that is no multipart counts as its own part 1.
            let (holder, message) = match found {
                None => (self.parts.first()?, true),
                Some(part) if part.is_message() => (self.parts.get(*part.children.first()?)?, true),
                Some(part) => (part, false),
            };
            found = if holder.is_multipart() {
                let index = usize::try_from(n).ok()?.checked_sub(1)?;
                Some(self.parts.get(*holder.children.get(index)?)?)
            } else {
                (message && n == 1).then_some(holder)
            };
            found?;
        }
        found.or(self.parts.first().filter(|_| numbers.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::Scanner;

    fn structure(text: &str) -> Structure {
        let mut scanner = Scanner::default();
        scanner.feed(text.replace('\n', "\r\n").as_bytes());
        scanner.finish()
    }

    const NESTED: &str = "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: text/html\n\nhi\n--o\n\
        Content-Type: message/rfc822\n\nContent-Type: multipart/alternative; boundary=i\n\n--i\n\nplain\n--i\n\
        Content-Type: text/html\n\n<b>\n--i--\n--o\nContent-Type: message/rfc822\n\nSubject: x\n\nonly\n--o--\n";

    #[test]
    fn parts_have_the_numbers_of_rfc_3501() {
        let s = structure(NESTED);
        let media = |n: &[u32]| s.section(n).map(|p| p.media.value.as_str());
        assert_eq!(media(&[]), Some("multipart/mixed"));
        assert_eq!(media(&[1]), Some("text/html"));
        assert_eq!(media(&[2]), Some("message/rfc822"));
        assert_eq!(media(&[2, 1]), Some("text/plain"));
        assert_eq!(media(&[2, 2]), Some("text/html"));
        assert_eq!(media(&[3, 1]), Some("text/plain"));
        for none in [&[0][..], &[4], &[1, 1], &[2, 3], &[3, 2], &[3, 1, 1], &[u32::MAX]] {
            assert_eq!(media(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_message_without_parts_is_its_own_part_one() {
        let s = structure("Subject: x\n\nhi\n");
        assert_eq!(s.section(&[1]), s.parts.first());
        assert_eq!((s.section(&[2]), s.section(&[1, 1])), (None, None));
        let s = structure("Content-Type: message/rfc822\n\nSubject: x\n\nhi\n");
        assert_eq!(s.section(&[1, 1]), s.parts.get(1));
        assert_eq!(s.section(&[]), s.parts.first());
    }

    #[test]
    fn a_part_knows_its_file_name() {
        let s =
            structure("Content-Type: a/b; name=x.txt\nContent-Disposition: attachment; filename*=utf-8''%D0%94\n\n");
        assert_eq!(s.parts[0].filename(), Some("Д".into()));
        let s = structure("Content-Type: a/b; name=x.txt\nContent-Disposition: attachment\n\n");
        assert_eq!(s.parts[0].filename(), Some("x.txt".into()));
    }
}
