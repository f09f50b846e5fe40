//! ENVELOPE (RFC 3501 s7.4.2).

use super::{
    Text,
    pen::{Form, Pen},
};
use crate::mime::{
    Charset, Head, Part, Structure,
    address::{self, Entry, Mailbox},
};

/// What stands for a host that nobody wrote: NIL would make the address a group's name. Dovecot's words, which clients know.
const NO_HOST: &[u8] = b"MISSING_DOMAIN";
/// What stands for a local part that nobody wrote.
const NO_LOCAL: &[u8] = b"MISSING_MAILBOX";

/// The envelope of the message itself; addresses beyond `limit` octets are left out.
pub(in crate::mime) fn envelope(s: &Structure, form: Form, limit: usize) -> Text {
    let mut pen = Pen::new(form, limit, usize::MAX);
    if let Some(part) = s.parts.first() {
        pen.declared = declared(s, 0);
        write(&mut pen, part);
    }
    Text { bytes: pen.out, cut: pen.cut }
}

/// What raw 8-bit text in the headers of message `n` is likely in: what its own text is in.
pub(super) fn declared(s: &Structure, n: usize) -> Option<Charset> {
    let mut at = s.parts.get(n)?;
    while at.is_multipart() {
        at = s.parts.get(*at.children.first()?)?;
    }
    let charset = Charset::named(at.media.param("charset")?)?;
    (charset.holds_ascii() && charset != Charset::UTF_8).then_some(charset)
}

/// `(date subject from sender reply-to to cc bcc in-reply-to message-id)`.
pub(super) fn write(pen: &mut Pen, part: &Part) {
    pen.raw("(");
    pen.nstring(text(part, Head::Date));
    pen.raw(" ");
    pen.nstring(text(part, Head::Subject));
    let from = people(part, Head::From);
    pen.raw(" ");
    list(pen, &from);
    for head in [Head::Sender, Head::ReplyTo] {
        pen.raw(" ");
        let own = people(part, head);
        // RFC 3501 s7.4.2: absent or empty, they are as From.
        list(pen, if own.is_empty() { &from } else { &own });
    }
    for head in [Head::To, Head::Cc, Head::Bcc] {
        pen.raw(" ");
        list(pen, &people(part, head));
    }
    for head in [Head::InReplyTo, Head::MessageId] {
        pen.raw(" ");
        pen.nstring(text(part, head));
    }
    pen.raw(")");
}

/// An envelope of which nothing is known.
pub(super) fn write_empty(pen: &mut Pen) {
    pen.raw("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
}

/// The first field of this name.
fn text(part: &Part, head: Head) -> Option<&[u8]> {
    part.heads.iter().find(|(h, _)| *h == head).map(|(_, value)| &value[..])
}

/// The people of all fields of this name: a second From must not hide behind the first.
fn people(part: &Part, head: Head) -> Vec<Entry> {
    part.heads.iter().filter(|(h, _)| *h == head).flat_map(|(_, value)| address::parse(value)).collect()
}

fn list(pen: &mut Pen, entries: &[Entry]) {
    if entries.is_empty() {
        pen.raw("NIL");
        return;
    }
    pen.raw("(");
    let mut open = false;
    for (n, entry) in entries.iter().enumerate() {
        if n > 0 && pen.full() {
            break;
        }
        match entry {
            Entry::Group(name) => address_of(pen, None, Some(name), None),
            Entry::End => address_of(pen, None, None, None),
            Entry::Mailbox(m) => mailbox(pen, m),
        }
        open = match entry {
            Entry::Group(_) => true,
            Entry::End => false,
            Entry::Mailbox(_) => open,
        };
    }
    if open {
        address_of(pen, None, None, None);
    }
    pen.raw(")");
}

fn mailbox(pen: &mut Pen, m: &Mailbox) {
    let or = |text: &'_ [u8], missing: &'static [u8]| if text.is_empty() { missing.to_vec() } else { text.to_vec() };
    address_of(pen, m.name.as_deref(), Some(&or(&m.local, NO_LOCAL)), Some(&or(&m.host, NO_HOST)));
}

/// The source route is always NIL: RFC 5322 s4.4 wants it ignored.
fn address_of(pen: &mut Pen, name: Option<&[u8]>, mailbox: Option<&[u8]>, host: Option<&[u8]>) {
    pen.raw("(");
    pen.nstring(name);
    pen.raw(" NIL ");
    pen.nstring(mailbox);
    pen.raw(" ");
    pen.nstring(host);
    pen.raw(")");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::Scanner;

    fn shown(message: &[u8], form: Form, limit: usize) -> String {
        let mut scanner = Scanner::default();
        scanner.feed(message);
        String::from_utf8(envelope(&scanner.finish(), form, limit).bytes).unwrap()
    }

    fn ascii(text: &str) -> String {
        shown(text.replace('\n', "\r\n").as_bytes(), Form::Ascii, usize::MAX)
    }

    const ANN: &str = "((\"Ann\" NIL \"ann\" \"office.test\"))";

    #[test]
    fn sender_and_reply_to_are_from_where_they_are_missing_or_empty() {
        let got = ascii(
            "Date: Tue, 24 Nov 2026 10:00:00 +0300\nFrom: Ann <ann@office.test>\nSubject: Hi\n  there\nReply-To:\n\n",
        );
        let date = "\"Tue, 24 Nov 2026 10:00:00 +0300\"";
        assert_eq!(got, format!("({date} \"Hi  there\" {ANN} {ANN} {ANN} NIL NIL NIL NIL NIL)"));
        let got =
            ascii("From: Ann <ann@office.test>\nSender: b@c\nReply-To: d@e\nMessage-ID: <1@x>\nIn-Reply-To: <0@x>\n\n");
        let one = |local: &str, host: &str| format!("((NIL NIL \"{local}\" \"{host}\"))");
        assert_eq!(got, format!("(NIL NIL {ANN} {} {} NIL NIL NIL \"<0@x>\" \"<1@x>\")", one("b", "c"), one("d", "e")));
    }

    #[test]
    fn an_empty_text_is_empty_and_a_missing_one_nil() {
        assert_eq!(ascii("Subject:\n\n"), "(NIL \"\" NIL NIL NIL NIL NIL NIL NIL NIL)");
        assert_eq!(ascii(""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    }

    #[test]
    fn groups_are_in_brackets_of_their_own() {
        let got = ascii("To: Team: a@b, \"q q\"@c; x\nTo: y@z\nCc: nobody:;\n\n");
        let to = "((NIL NIL \"Team\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL \"q q\" \"c\")(NIL NIL NIL NIL)\
            (NIL NIL \"x\" \"MISSING_DOMAIN\")(NIL NIL \"y\" \"z\"))";
        assert_eq!(got, format!("(NIL NIL NIL NIL NIL {to} ((NIL NIL \"nobody\" NIL)(NIL NIL NIL NIL)) NIL NIL NIL)"));
    }

    #[test]
    fn raw_text_is_in_the_charset_of_the_message() {
        let message = b"Subject: \xbf\xe0\xd8\xd2\xd5\xe2\r\nFrom: \xbf\xe0 <a@b>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
            Content-Type: text/plain; charset=iso-8859-5\r\n\r\nx\r\n--b--\r\n";
        let got = shown(message, Form::Utf8, usize::MAX);
        assert!(got.starts_with("(NIL \"Привет\" ((\"Пр\" NIL \"a\" \"b\")) "), "{got}");
        let got = shown(message, Form::Ascii, usize::MAX);
        assert!(got.starts_with("(NIL \"=?ISO-8859-5?B?v+DY0tXi?=\" ((\"=?ISO-8859-5?B?v+A=?=\" NIL"), "{got}");
    }

    #[test]
    fn an_endless_list_is_cut_and_its_group_closed() {
        let message = format!("To: g: {}\r\n\r\n", "ann@office.test, ".repeat(900));
        let got = shown(message.as_bytes(), Form::Ascii, 1000);
        assert!(got.len() < 1100 && got.ends_with("\"office.test\")(NIL NIL NIL NIL)) NIL NIL NIL NIL)"), "{got}");
    }
}
