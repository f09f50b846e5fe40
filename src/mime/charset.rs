//! Charsets of strangers' text: by name, or guessed where nobody named one. The only file that names encoding_rs.

use encoding_rs::{
    BIG5, CoderResult, Decoder, EUC_JP, EUC_KR, Encoding, GB18030, GBK, IBM866, ISO_2022_JP, ISO_8859_2, ISO_8859_5,
    KOI8_R, KOI8_U, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253,
    WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, X_MAC_CYRILLIC,
};

use super::guess;

/// A charset that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(&'static Encoding);

/// The numbers of charsets in a derived record: 1 is the first. Only ever added to at the end.
const NUMBERED: [&Encoding; 25] = [
    UTF_8,
    KOI8_R,
    WINDOWS_1251,
    IBM866,
    ISO_8859_5,
    KOI8_U,
    X_MAC_CYRILLIC,
    UTF_16LE,
    UTF_16BE,
    WINDOWS_1252,
    ISO_8859_2,
    WINDOWS_1250,
    WINDOWS_1253,
    WINDOWS_1254,
    WINDOWS_1255,
    WINDOWS_1256,
    WINDOWS_1257,
    GBK,
    GB18030,
    BIG5,
    EUC_JP,
    ISO_2022_JP,
    SHIFT_JIS,
    EUC_KR,
    encoding_rs::ISO_8859_15,
];

impl Charset {
    /// UTF-8.
    pub const UTF_8: Charset = Charset(UTF_8);
    /// koi8-r
    pub const KOI8_R: Charset = Charset(KOI8_R);
    /// windows-1251
    pub const WINDOWS_1251: Charset = Charset(WINDOWS_1251);
    /// cp866, the charset of DOS.
    pub const IBM866: Charset = Charset(IBM866);
    /// windows-1252, which the web reads where iso-8859-1 is said.
    pub const WINDOWS_1252: Charset = Charset(WINDOWS_1252);

    /// The charset of this name. None for one that nobody knows, and for US-ASCII: a text that calls itself ASCII and holds other
    /// octets is something else, to be guessed.
    pub fn named(label: &[u8]) -> Option<Self> {
        // RFC 2231 s5: `charset*language`.
        let name = label.split(|&b| b == b'*').next().unwrap_or_default().trim_ascii();
        if is_ascii(name) {
            return None;
        }
        // IBM's and Windows' numbers in a form that the web never met.
        let known = match name.to_ascii_lowercase().as_slice() {
            b"cp-866" | b"x-cp866" | b"dos-866" => Some(IBM866),
            b"cp-1251" | b"win-1251" | b"win1251" | b"ansi-1251" => Some(WINDOWS_1251),
            b"koi-8" | b"koi8r" | b"cp20866" => Some(KOI8_R),
            _ => Encoding::for_label(name),
        };
        known.map(Charset)
    }

    /// What octets that are no ASCII are most likely written in: UTF-8 if they are sound UTF-8, else what reads most like words.
    pub fn guess(text: &[u8]) -> Self {
        if std::str::from_utf8(text).is_ok() { Self::UTF_8 } else { guess::guess(text) }
    }

    /// The same for a text of which some octets may be cut off at the end.
    pub fn guess_start(text: &[u8]) -> Self {
        match std::str::from_utf8(text) {
            Err(e) if e.error_len().is_some() => guess::guess(text),
            Ok(_) | Err(_) => Self::UTF_8,
        }
    }

    /// Its name in MIME.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Whether ASCII means itself in it, so that a header field may hold it raw.
    pub fn holds_ascii(self) -> bool {
        self.0.is_ascii_compatible()
    }

    /// Its number in a derived record, from 1.
    pub(super) fn number(self) -> Option<u8> {
        NUMBERED.iter().position(|&e| e == self.0).and_then(|at| u8::try_from(at + 1).ok())
    }

    /// The charset of a number.
    pub(super) fn of_number(number: u8) -> Option<Self> {
        NUMBERED.get(usize::from(number).checked_sub(1)?).map(|&e| Charset(e))
    }

    /// All of a text; octets that mean nothing become U+FFFD.
    pub fn decode(self, bytes: &[u8]) -> String {
        self.0.decode_without_bom_handling(bytes).0.into_owned()
    }

    /// The same, or None if some octets mean nothing.
    pub fn decode_strictly(self, bytes: &[u8]) -> Option<String> {
        self.0.decode_without_bom_handling_and_without_replacement(bytes).map(|text| text.into_owned())
    }

    /// A text in this charset, unless it has characters that are not in it.
    #[cfg(test)]
    pub(super) fn encode(self, text: &str) -> Option<Vec<u8>> {
        let (bytes, _, lossy) = self.0.encode(text);
        (!lossy).then(|| bytes.into_owned())
    }

    /// Reads a text that comes in pieces.
    pub fn stream(self) -> Stream {
        Stream(self.0.new_decoder())
    }
}

fn is_ascii(name: &[u8]) -> bool {
    [&b"us-ascii"[..], b"ascii", b"ansi_x3.4-1968", b"iso646-us"].iter().any(|a| a.eq_ignore_ascii_case(name))
}

/// A text that comes in pieces; a character may be cut anywhere. A byte order mark at its start counts.
pub struct Stream(Decoder);

impl Stream {
    /// Adds the text of a piece to `out`; `last` ends it.
    pub fn read(&mut self, piece: &[u8], last: bool, out: &mut String) {
        let mut rest = piece;
        loop {
            // What encoding_rs asks for, but for a length that no piece has.
            let most = self.0.max_utf8_buffer_length(rest.len()).unwrap_or(rest.len());
            out.reserve(most);
            let (result, read, _) = self.0.decode_to_string(rest, out, last);
            rest = &rest[read..];
            match result {
                CoderResult::InputEmpty => return,
                CoderResult::OutputFull => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_are_known_by_the_names_that_mail_uses() {
        for (name, mime) in [
            ("KOI8-R", "KOI8-R"),
            ("cp866", "IBM866"),
            ("CP1251", "windows-1251"),
            ("win-1251", "windows-1251"),
            ("utf8", "UTF-8"),
            ("iso-8859-1", "windows-1252"),
            ("utf-8*ru", "UTF-8"),
            (" iso-8859-5 ", "ISO-8859-5"),
        ] {
            assert_eq!(Charset::named(name.as_bytes()).map(Charset::name), Some(mime), "{name}");
        }
        for name in ["", "us-ascii", "ASCII", "x-nobody", "\u{ff}"] {
            assert_eq!(Charset::named(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn numbers_are_kept() {
        for number in 1..=25 {
            assert_eq!(Charset::of_number(number).and_then(Charset::number), Some(number));
        }
        assert_eq!((Charset::of_number(0), Charset::of_number(26)), (None, None));
        assert_eq!((Charset::UTF_8.number(), Charset::IBM866.number()), (Some(1), Some(4)));
    }

    #[test]
    fn a_text_may_be_cut_anywhere() {
        let utf16: Vec<u8> = [0xfeff].into_iter().chain("Да!".encode_utf16()).flat_map(u16::to_le_bytes).collect();
        for (charset, bytes, text) in [
            (Charset::UTF_8, "Привет €".as_bytes(), "Привет €"),
            (Charset::KOI8_R, b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"),
            (Charset::IBM866, b"\x8f\xe0\xa8\xa2\xa5\xe2", "Привет"),
            (Charset(UTF_16LE), &utf16, "Да!"),
            (Charset::UTF_8, b"a\xd0", "a\u{fffd}"),
        ] {
            for cut in 0..=bytes.len() {
                let (mut stream, mut out) = (charset.stream(), String::new());
                stream.read(&bytes[..cut], false, &mut out);
                stream.read(&bytes[cut..], true, &mut out);
                assert_eq!(out, text, "{charset:?} cut at {cut}");
            }
        }
    }
}
