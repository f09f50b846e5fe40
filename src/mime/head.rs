//! The header section as raw fields (RFC 5322 s2.2): where it ends, what stands in it. Knows no field's meaning but the two
//! that every hop must read.

use super::text;

/// Offset just behind the blank line that ends the header section; None while that line is not in `bytes`.
/// A message that begins with CRLF has no header section: 2.
pub fn header_end(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4)
}

/// One header field as it stands in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name as written; empty for a line that is no field (no colon, a space within the name).
    pub name: &'a [u8],
    /// The whole field with folding and its last CRLF. All `raw` one after the other are the section.
    pub raw: &'a [u8],
    /// What stands behind the colon, still folded, without the white space around it.
    pub value: &'a [u8],
}

impl<'a> Field<'a> {
    pub(super) fn of(raw: &'a [u8]) -> Self {
        let colon = raw.iter().position(|&b| b == b':');
        let (name, value) = colon.map_or((&raw[..0], raw), |at| (raw[..at].trim_ascii_end(), &raw[at + 1..]));
        // RFC 5322 s2.2: a name is printable ASCII without a colon. mbox' `From ` line has a colon, but spaces before it.
        let known = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        if known {
            Field { name, raw, value: value.trim_ascii() }
        } else {
            Field { name: &raw[..0], raw, value: raw.trim_ascii() }
        }
    }

    /// Whether the field has this name; case does not matter.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value unfolded (RFC 5322 s2.2.3): CRLF taken out, bytes that are no UTF-8 replaced.
    pub fn text(&self) -> String {
        text::unfold(self.value)
    }
}

/// The fields of a header section, in order. The blank line and what follows it are not looked at.
pub fn fields(section: &[u8]) -> Fields<'_> {
    Fields { rest: section }
}

/// Iterator of [`fields`].
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let blank = self.rest.starts_with(b"\r\n") || self.rest.starts_with(b"\n");
        if self.rest.is_empty() || blank {
            self.rest = &[];
            return None;
        }
        let mut end = line_end(self.rest);
        while matches!(self.rest.get(end), Some(b' ' | b'\t')) {
            end += line_end(&self.rest[end..]);
        }
        let (raw, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Field::of(raw))
    }
}

/// Offset behind the first LF, or the length.
fn line_end(bytes: &[u8]) -> usize {
    bytes.iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| at + 1)
}

/// The Message-ID with its angle brackets, as journal lines show it; without them where the sender wrote none.
/// None when it is absent or empty.
pub fn message_id(section: &[u8]) -> Option<String> {
    let value = fields(section).find(|f| f.is("message-id"))?.text();
    let open = value.find('<').unwrap_or(0);
    let id = value[open..].split_inclusive('>').next().unwrap_or_default().trim();
    (!id.is_empty() && id != "<>").then(|| id.to_owned())
}

/// How many hops the message has behind it (RFC 5321 s6.3).
pub fn count_received(section: &[u8]) -> usize {
    fields(section).filter(|f| f.is("received")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &[u8] = b"Received: from a\r\n\tby b\r\nRECEIVED : c\r\nnonsense\r\nFrom x@y Tue 10:00\r\nSubject:\r\n two\r\n\r\nReceived: no\r\n";

    #[test]
    fn the_section_ends_behind_the_blank_line() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody"), Some(8));
        assert_eq!(header_end(b"\r\nbody"), Some(2));
        assert_eq!(header_end(b"A: b\r\n\r"), None);
        assert_eq!(header_end(b""), None);
    }

    #[test]
    fn fields_are_the_section_again_and_garbage_is_kept() {
        let all: Vec<_> = fields(SECTION).collect();
        let names: Vec<_> = all.iter().map(|f| String::from_utf8_lossy(f.name).into_owned()).collect();
        assert_eq!(names, ["Received", "RECEIVED", "", "", "Subject"]);
        let raw: Vec<u8> = all.iter().flat_map(|f| f.raw).copied().collect();
        assert_eq!(&raw[..], &SECTION[..header_end(SECTION).unwrap() - 2]);
        assert_eq!(all[0].value, b"from a\r\n\tby b");
        assert_eq!(all[0].text(), "from a\tby b");
        assert_eq!(all[4].text(), "two");
    }

    #[test]
    fn a_section_may_begin_with_a_folded_line_or_lack_its_last_newline() {
        let all: Vec<_> = fields(b" lost\r\nA:1").collect();
        assert_eq!((all.len(), all[0].name, all[1].value), (2, &b""[..], &b"1"[..]));
    }

    #[test]
    fn hops_are_counted_in_the_section_only() {
        assert_eq!(count_received(SECTION), 2);
    }

    #[test]
    fn finds_the_message_id() {
        let id = |text: &str| message_id(text.as_bytes());
        assert_eq!(id("Message-Id:\r\n <a@b>\r\n"), Some("<a@b>".into()));
        assert_eq!(id("Message-ID: (c) <a@b> (d)\r\n"), Some("<a@b>".into()));
        assert_eq!(id("Message-ID: bare\r\n"), Some("bare".into()));
        assert_eq!(id("Message-ID: <open\r\n"), Some("<open".into()));
        assert_eq!(id("Message-ID: \r\n"), None);
        assert_eq!(id("Message-ID: <>\r\n"), None);
        assert_eq!(id("Subject: x\r\n"), None);
    }
}
