//! Strings of IMAP: quoted, in one of two forms, however the header had them.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::mime::Charset;

/// Octets of raw text in one encoded word: with the longest name of a charset it stays below the 75 of RFC 2047 s2.
const WORD: usize = 36;

/// How text that is no ASCII is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mime) enum Form {
    /// As encoded words.
    Ascii,
    /// As UTF-8 (RFC 6855).
    Utf8,
}

/// Writes values one after the other.
pub(super) struct Pen {
    pub out: Vec<u8>,
    /// Something was left out.
    pub cut: bool,
    form: Form,
    /// What raw 8-bit text is in if it is not UTF-8, where the message said so.
    pub declared: Option<Charset>,
    /// Octets after which nothing optional is written.
    limit: usize,
    /// Octets of one string.
    longest: usize,
}

impl Pen {
    pub(super) fn new(form: Form, limit: usize, longest: usize) -> Self {
        Pen { out: Vec::new(), cut: false, form, declared: None, limit, longest }
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    pub(super) fn number(&mut self, number: u64) {
        self.raw(&number.to_string());
    }

    /// Whether there is no room for more; then the text counts as cut.
    pub(super) fn full(&mut self) -> bool {
        let full = self.out.len() >= self.limit;
        self.cut |= full;
        full
    }

    /// A quoted string, or NIL.
    pub(super) fn nstring(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) => self.string(value),
            None => self.raw("NIL"),
        }
    }

    /// A quoted string.
    pub(super) fn string(&mut self, value: &[u8]) {
        let clean: Vec<u8> = value.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n' | 0)).collect();
        let text = self.shown(clean.trim_ascii());
        self.out.push(b'"');
        for b in text {
            if matches!(b, b'"' | b'\\') {
                self.out.push(b'\\');
            }
            self.out.push(b);
        }
        self.out.push(b'"');
    }

    fn shown(&mut self, value: &[u8]) -> Vec<u8> {
        if value.is_ascii() {
            return self.clipped(value, false).to_vec();
        }
        let charset = self.charset(value);
        let value = self.clipped(value, charset == Charset::UTF_8);
        match self.form {
            Form::Utf8 => charset.decode(value).replace(['\r', '\n', '\0'], "").into_bytes(),
            Form::Ascii => encoded(value, charset),
        }
    }

    fn charset(&self, value: &[u8]) -> Charset {
        let guessed = Charset::guess(value);
        let declared = self.declared.filter(|d| guessed != Charset::UTF_8 && d.decode_strictly(value).is_some());
        declared.unwrap_or(guessed)
    }

    fn clipped<'a>(&mut self, value: &'a [u8], utf8: bool) -> &'a [u8] {
        if value.len() <= self.longest {
            return value;
        }
        self.cut = true;
        let mut end = self.longest;
        while utf8 && end > 0 && value[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        &value[..end]
    }
}

/// Words that hold 8-bit octets as encoded words, the others as they are: an address or an encoded word among them stays.
fn encoded(value: &[u8], charset: Charset) -> Vec<u8> {
    let mut out = Vec::new();
    let mut run: Vec<u8> = Vec::new();
    for word in value.split(|&b| b == b' ') {
        if word.is_ascii() {
            // Readers drop the space between two encoded words (RFC 2047 s6.2): it must be in one of them.
            if word.starts_with(b"=?") && !run.is_empty() {
                run.push(b' ');
            }
            flush(&mut out, &mut run, charset);
            space(&mut out);
            out.extend_from_slice(word);
        } else {
            if !run.is_empty() || out.ends_with(b"?=") {
                run.push(b' ');
            }
            run.extend_from_slice(word);
        }
    }
    flush(&mut out, &mut run, charset);
    out
}

fn space(out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b' ');
    }
}

fn flush(out: &mut Vec<u8>, run: &mut Vec<u8>, charset: Charset) {
    let mut rest = &run[..];
    while !rest.is_empty() {
        let mut end = rest.len().min(WORD);
        while charset == Charset::UTF_8 && end < rest.len() && rest[end] & 0xc0 == 0x80 {
            end -= 1;
        }
        space(out);
        out.extend_from_slice(format!("=?{}?B?{}?=", charset.name(), STANDARD.encode(&rest[..end])).as_bytes());
        rest = &rest[end..];
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::words;

    fn written(form: Form, value: &[u8]) -> String {
        let mut pen = Pen::new(form, usize::MAX, usize::MAX);
        pen.string(value);
        String::from_utf8(pen.out).unwrap()
    }

    #[test]
    fn quotes_are_escaped_and_line_ends_gone() {
        assert_eq!(written(Form::Ascii, b" a \"b\" \\ c\r\n\td\0 "), "\"a \\\"b\\\" \\\\ c\td\"");
        assert_eq!(written(Form::Ascii, b""), "\"\"");
    }

    #[test]
    fn raw_text_is_shown_in_its_charset_and_means_the_same() {
        let text = "Re: Привет всем, и ещё очень длинная тема письма про отчёт за год =?utf-8?Q?=D0=B0?= конец";
        for charset in [Charset::UTF_8, Charset::KOI8_R, Charset::WINDOWS_1251, Charset::IBM866] {
            let raw = charset.encode(text).unwrap();
            let ascii = written(Form::Ascii, &raw);
            assert!(ascii.is_ascii() && ascii.contains(charset.name()), "{ascii}");
            assert!(ascii.split(' ').all(|w| w.len() <= 76), "{ascii}");
            assert_eq!(words::decode(ascii.trim_matches('"').as_bytes()), text.replace("=?utf-8?Q?=D0=B0?=", "а"));
            assert_eq!(written(Form::Utf8, &raw), format!("\"{text}\""));
        }
    }

    #[test]
    fn what_the_message_declares_beats_the_guess() {
        let mut pen = Pen::new(Form::Ascii, usize::MAX, usize::MAX);
        pen.declared = Charset::named(b"iso-8859-5");
        pen.string(b"\xbf\xe0\xd8\xd2\xd5\xe2");
        assert!(pen.out.starts_with(b"\"=?ISO-8859-5?B?"));
        pen.out.clear();
        pen.string("Привет".as_bytes());
        assert!(pen.out.starts_with(b"\"=?UTF-8?B?"), "sound UTF-8 is UTF-8 whatever was declared");
    }

    #[test]
    fn a_long_string_is_cut_between_characters() {
        let mut pen = Pen::new(Form::Utf8, usize::MAX, 5);
        pen.string("Привет".as_bytes());
        assert_eq!((String::from_utf8(pen.out).unwrap(), pen.cut), ("\"Пр\"".into(), true));
    }
}
