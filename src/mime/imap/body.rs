//! BODYSTRUCTURE (RFC 3501 s7.4.2) with its extension data.

use super::{
    Text, envelope,
    pen::{Form, Pen},
};
use crate::mime::{Extent, Part, Structure, Valued};

/// Octets of one string where there is no room for all of it.
const SHORT: usize = 60;

/// The structure of the message. Where it would have more than `limit` octets it is told without extension data and long
/// strings; where that is not enough, parts at the end are left out. Stays within `limit` and 4 KiB.
pub(in crate::mime) fn structure(s: &Structure, form: Form, limit: usize) -> Text {
    let full = write(s, form, limit, true);
    if !full.cut {
        return full;
    }
    Text { cut: true, ..write(s, form, limit, false) }
}

fn write(s: &Structure, form: Form, limit: usize, full: bool) -> Text {
    let pen = Pen::new(form, limit, if full { usize::MAX } else { SHORT });
    let mut writer = Writer { s, pen, full };
    writer.part(0);
    Text { bytes: writer.pen.out, cut: writer.pen.cut }
}

struct Writer<'a> {
    s: &'a Structure,
    pen: Pen,
    /// With extension data and everything.
    full: bool,
}

impl Writer<'_> {
    /// Recursion is as deep as the scanner allows (`limits::MIME_DEPTH`).
    fn part(&mut self, n: usize) {
        let Some(part) = self.s.parts.get(n) else { return };
        if part.parent.is_none_or(|p| self.s.parts[p].is_message()) {
            self.pen.declared = envelope::declared(self.s, n);
        }
        if self.pen.full() {
            // Grammar wants a part here.
            self.pen.raw("(\"application\" \"octet-stream\" NIL NIL NIL \"binary\" 0)");
        } else if part.is_multipart() {
            self.multipart(part);
        } else {
            self.leaf(part);
        }
    }

    fn multipart(&mut self, part: &Part) {
        self.pen.raw("(");
        match part.children.split_first() {
            Some((&first, more)) => {
                self.part(first);
                for &child in more {
                    if self.pen.full() {
                        break;
                    }
                    self.part(child);
                }
            }
            None => self.whole_as_text(part),
        }
        self.pen.raw(" ");
        let (_, sub) = halves(part);
        self.pen.string(sub.as_bytes());
        if self.full {
            self.pen.raw(" ");
            self.params(&part.media);
            self.extension(part);
        }
        self.pen.raw(")");
    }

    /// A multipart without parts (no boundary, nothing in it, or a cap was met). Grammar wants one or more: what is there is
    /// shown as text, so that nothing is hidden from the reader; `BODY[1]` gives it.
    fn whole_as_text(&mut self, part: &Part) {
        self.pen.raw("(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL ");
        self.pen.string(part.encoding.as_bytes());
        self.size(part.extent);
        self.lines(part.extent);
        self.pen.raw(if self.full { " NIL NIL NIL NIL)" } else { ")" });
    }

    fn leaf(&mut self, part: &Part) {
        let (main, sub) = halves(part);
        self.pen.raw("(");
        self.pen.string(main.as_bytes());
        self.pen.raw(" ");
        self.pen.string(sub.as_bytes());
        self.pen.raw(" ");
        self.params(&part.media);
        self.pen.raw(" ");
        self.pen.nstring(part.id.as_deref().filter(|_| self.full));
        self.pen.raw(" ");
        self.pen.nstring(part.description.as_deref().filter(|_| self.full));
        self.pen.raw(" ");
        self.pen.string(part.encoding.as_bytes());
        self.size(part.extent);
        if part.media.value == "message/rfc822" {
            self.message(part);
        } else if main == "text" {
            self.lines(part.extent);
        }
        if self.full {
            self.pen.raw(" ");
            self.pen.nstring(part.md5.as_deref());
            self.extension(part);
        }
        self.pen.raw(")");
    }

    /// Envelope, structure and lines of the message within; of one that cannot be looked into, empty ones.
    fn message(&mut self, part: &Part) {
        self.pen.raw(" ");
        let before = self.pen.declared;
        match part.children.first() {
            Some(&child) => {
                self.pen.declared = envelope::declared(self.s, child);
                if self.full && !self.pen.full() {
                    envelope::write(&mut self.pen, &self.s.parts[child]);
                } else {
                    envelope::write_empty(&mut self.pen);
                }
                self.pen.raw(" ");
                self.part(child);
            }
            None => {
                envelope::write_empty(&mut self.pen);
                self.pen.raw(" (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0)");
            }
        }
        self.pen.declared = before;
        self.lines(part.extent);
    }

    fn size(&mut self, extent: Extent) {
        self.pen.raw(" ");
        self.pen.number(extent.end - extent.body);
    }

    fn lines(&mut self, extent: Extent) {
        self.pen.raw(" ");
        self.pen.number(extent.lines);
    }

    /// Disposition, language, location.
    fn extension(&mut self, part: &Part) {
        self.pen.raw(" ");
        match &part.disposition {
            Some(disposition) if !disposition.value.is_empty() => {
                self.pen.raw("(");
                self.pen.string(disposition.value.as_bytes());
                self.pen.raw(" ");
                self.params(disposition);
                self.pen.raw(")");
            }
            Some(_) | None => self.pen.raw("NIL"),
        }
        self.pen.raw(" ");
        self.languages(part);
        self.pen.raw(" ");
        self.pen.nstring(part.location.as_deref());
    }

    /// RFC 3282: tags with commas between them.
    fn languages(&mut self, part: &Part) {
        let tags = part.language.as_deref().unwrap_or_default();
        let tags = tags.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|t| !t.is_empty());
        self.list(&tags.collect::<Vec<_>>());
    }

    /// `("name" "value" ...)`. A text that names no charset is US-ASCII (RFC 2045 s5.2).
    fn params(&mut self, valued: &Valued) {
        let mut params = valued.joined();
        params.iter_mut().for_each(|(name, _)| name.retain(|c| !c.is_control()));
        let told = |name: &str| self.full || matches!(name.trim_end_matches('*'), "charset" | "name" | "filename");
        params.retain(|(name, _)| !name.is_empty() && told(name));
        if valued.value.starts_with("text/") && params.iter().all(|(name, _)| name != "charset") {
            params.push(("charset".into(), b"us-ascii".to_vec()));
        }
        let flat: Vec<&[u8]> = params.iter().flat_map(|(name, value)| [name.as_bytes(), value]).collect();
        self.list(&flat);
    }

    /// Strings in brackets; none are NIL.
    fn list(&mut self, strings: &[&[u8]]) {
        if strings.is_empty() {
            self.pen.raw("NIL");
            return;
        }
        for (n, string) in strings.iter().enumerate() {
            self.pen.raw(if n > 0 { " " } else { "(" });
            self.pen.string(string);
        }
        self.pen.raw(")");
    }
}

fn halves(part: &Part) -> (&str, &str) {
    part.media.value.split_once('/').unwrap_or(("text", "plain"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::Scanner;

    fn scanned(text: &str) -> Structure {
        let mut scanner = Scanner::default();
        scanner.feed(text.replace('\n', "\r\n").as_bytes());
        scanner.finish()
    }

    fn shown(text: &str) -> String {
        String::from_utf8(structure(&scanned(text), Form::Ascii, usize::MAX).bytes).unwrap()
    }

    #[test]
    fn a_plain_message_is_text_in_ascii() {
        assert_eq!(
            shown("Subject: x\n\none\ntwo\n"),
            "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 10 2 NIL NIL NIL NIL)"
        );
    }

    #[test]
    fn a_part_says_all_that_its_header_says() {
        let text = "Content-Type: image/PNG; name=\"a \\\"b\\\".png\"; x-size=1\nContent-Transfer-Encoding: BASE64\n\
            Content-ID: <1@x>\nContent-Description: a\n picture\nContent-MD5: abc==\n\
            Content-Disposition: ATTACHMENT; filename*=utf-8''%D0%94\nContent-Language: en, ru\nContent-Location: http://x/\n\nAAAA\n";
        assert_eq!(
            shown(text),
            "(\"image\" \"png\" (\"name\" \"a \\\"b\\\".png\" \"x-size\" \"1\") \"<1@x>\" \"a picture\" \"base64\" 6 \
             \"abc==\" (\"attachment\" (\"filename*\" \"utf-8''%D0%94\")) (\"en\" \"ru\") \"http://x/\")"
        );
    }

    #[test]
    fn parts_and_messages_nest() {
        let text = "Content-Type: multipart/mixed; boundary=o\nContent-Language: ru\n\n--o\n\nhi\n--o\nContent-Type: message/rfc822\n\n\
            Subject: in\nContent-Type: text/html; charset=utf-8\n\n<p>\n\n--o--\n";
        assert_eq!(
            shown(text),
            "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 2 0 NIL NIL NIL NIL)\
             (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 60 \
             (NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"7bit\" 5 1 NIL NIL NIL NIL) 4 NIL NIL NIL NIL) \
             \"mixed\" (\"boundary\" \"o\") NIL (\"ru\") NIL)"
        );
    }

    #[test]
    fn what_cannot_be_looked_into_still_has_the_shape_that_grammar_wants() {
        assert_eq!(
            shown("Content-Type: multipart/mixed\n\nsome\ntext\n"),
            "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 12 2 NIL NIL NIL NIL) \"mixed\" NIL NIL NIL NIL)"
        );
        assert_eq!(
            shown("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3Vi\n"),
            "(\"message\" \"rfc822\" NIL NIL NIL \"base64\" 6 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) \
             (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0) 1 NIL NIL NIL NIL)"
        );
    }

    #[test]
    fn raw_names_of_files_are_words_in_one_form_and_text_in_the_other() {
        let mut scanner = Scanner::default();
        scanner.feed(b"Content-Type: a/b; name=\"\xcf\xf0\xe8\xe2\xe5\xf2.txt\"\r\nContent-Description: \xcf\xf0\xe8\xe2\xe5\xf2\r\n\r\n");
        let s = scanner.finish();
        let ascii = String::from_utf8(structure(&s, Form::Ascii, usize::MAX).bytes).unwrap();
        assert!(
            ascii.contains("(\"name\" \"=?windows-1251?B?z/Do4uXyLnR4dA==?=\") NIL \"=?windows-1251?B?z/Do4uXy?=\"")
        );
        let utf8 = String::from_utf8(structure(&s, Form::Utf8, usize::MAX).bytes).unwrap();
        assert!(utf8.contains("(\"name\" \"Привет.txt\") NIL \"Привет\""), "{utf8}");
    }

    #[test]
    fn a_thousand_parts_are_told_briefly_and_then_cut() {
        let part = "--b\nContent-Type: image/png; name=picture.png; x=y\nContent-ID: <a@b>\n\nx\n";
        let s = scanned(&format!("Content-Type: multipart/mixed; boundary=b\n\n{}", part.repeat(900)));
        let told = |limit: usize| {
            let text = structure(&s, Form::Ascii, limit);
            (text.bytes.windows(8).filter(|w| w == b"(\"image\"").count(), text.cut, text.bytes.len())
        };
        assert_eq!(told(200_000).0, 900);
        let (parts, cut, _) = told(70_000);
        assert_eq!((parts, cut), (900, true));
        let (parts, cut, octets) = told(10_000);
        assert!(parts > 100 && cut && octets < 10_200, "{parts} parts in {octets}");
    }
}
