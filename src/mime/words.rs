//! Encoded words (RFC 2047) and charsets: what a header field says when it is not ASCII.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use mail_parser::decoders::charsets::map::charset_decoder;

use super::{Charset, text};

/// Octets of text in one encoded word: base64 of them, `=?UTF-8?B?` and `?=` stay below the 75 of RFC 2047 s2.
const WORD: usize = 45;

/// Base64 as mailers write it: without padding, with stray bits.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `text` as it may stand in an unstructured field: itself if it is short printable ASCII that cannot be taken for an encoded
/// word, else encoded words in UTF-8, one a line. Never ends a line by anything but CRLF SP.
pub fn encode(text: &str) -> String {
    let plain = text.bytes().all(|b| (0x20..0x7f).contains(&b)) && text.len() <= 900 && !text.contains("=?");
    if plain {
        return text.to_owned();
    }
    let mut words: Vec<&str> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, more) = rest.split_at(rest.floor_char_boundary(WORD));
        words.push(word);
        rest = more;
    }
    let words: Vec<String> = words.into_iter().map(|w| format!("=?UTF-8?B?{}?=", STANDARD.encode(w))).collect();
    words.join("\r\n ")
}

/// A field's value in words: unfolded, encoded words decoded, the white space between two of them gone (RFC 2047 s6.2).
/// Neighbours of one charset are decoded together, since many mailers cut a character in two. What is no encoded word stays
/// as it is; raw 8-bit octets are read in the charset that they are most likely in. May hold any character, control characters too.
pub fn decode(value: &[u8]) -> String {
    let flat = text::flat(value);
    let mut rest = flat.trim_ascii();
    let mut out = String::new();
    let mut run: Option<Word<'_>> = None;
    while let Some(start) = find(rest, b"=?") {
        let Some((word, after)) = Word::read(&rest[start..]) else {
            plain(&mut out, run.take(), &rest[..start + 2]);
            rest = &rest[start + 2..];
            continue;
        };
        let gap = &rest[..start];
        match &mut run {
            Some(last) if gap.trim_ascii().is_empty() && last.charset.eq_ignore_ascii_case(word.charset) => {
                last.bytes.extend_from_slice(&word.bytes);
            }
            Some(_) if gap.trim_ascii().is_empty() => flush(&mut out, run.replace(word)),
            _ => {
                plain(&mut out, run.replace(word), gap);
            }
        }
        rest = after;
    }
    plain(&mut out, run, rest);
    out
}

/// `bytes` in a named charset; what names none, or one that nobody knows, is guessed.
pub fn in_charset(charset: &[u8], bytes: &[u8]) -> String {
    match Charset::named(charset) {
        Some(charset) => charset.decode(bytes),
        // What encoding_rs leaves out on purpose.
        None if charset.eq_ignore_ascii_case(b"utf-7") => {
            charset_decoder(b"utf-7").map_or_else(String::new, |d| d(bytes))
        }
        None => raw(bytes),
    }
}

/// Octets of which nobody says what they are.
fn raw(bytes: &[u8]) -> String {
    Charset::guess(bytes).decode(bytes)
}

fn flush(out: &mut String, run: Option<Word<'_>>) {
    if let Some(word) = run {
        out.push_str(&in_charset(word.charset, &word.bytes));
    }
}

fn plain(out: &mut String, run: Option<Word<'_>>, bytes: &[u8]) {
    flush(out, run);
    out.push_str(&raw(bytes));
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// One encoded word, its letters decoded to octets.
struct Word<'a> {
    charset: &'a [u8],
    bytes: Vec<u8>,
}

impl<'a> Word<'a> {
    /// Reads `=?charset?encoding?text?=` at the start of `input`; gives what follows it.
    fn read(input: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut parts = input.get(2..)?.splitn(4, |&b| b == b'?');
        let (charset, encoding, text, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let named = (1..=60).contains(&charset.len()) && charset.iter().all(u8::is_ascii_graphic);
        let rest = rest.strip_prefix(b"=")?;
        let bytes = match encoding {
            b"B" | b"b" => base64_word(text),
            b"Q" | b"q" => quoted_word(text),
            _ => return None,
        };
        named.then_some((Word { charset, bytes }, rest))
    }
}

fn base64_word(text: &[u8]) -> Vec<u8> {
    let mut letters: Vec<u8> =
        text.iter().copied().filter(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')).collect();
    if letters.len() % 4 == 1 {
        letters.pop();
    }
    LENIENT.decode(letters).unwrap_or_default()
}

fn quoted_word(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|&b| if b == b'_' { b' ' } else { b }).collect();
    text::unescape(&spaced, b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        decode(text.as_bytes())
    }

    #[test]
    fn ascii_stays_and_other_text_is_cut_into_words() {
        assert_eq!(encode("Hello"), "Hello");
        assert_eq!(encode("Привет"), "=?UTF-8?B?0J/RgNC40LLQtdGC?=");
        assert!(encode("=?UTF-8?B?0J/RgNC40LLQtdGC?=").starts_with("=?UTF-8?B?PT9V"));
        let long = encode(&"ж".repeat(200));
        assert!(long.split("\r\n ").all(|w| w.len() <= 75 && w.starts_with("=?UTF-8?B?")));
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        for text in
            ["", "Hello", "Привет, мир", "=?a?b?c?=", "a\r\nb: c", "\u{1F600}", &"ж😀 ".repeat(99), &"x".repeat(2000)]
        {
            assert_eq!(read(&encode(text)), text);
        }
    }

    #[test]
    fn the_examples_of_rfc_2047_section_8() {
        assert_eq!(read("(=?ISO-8859-1?Q?a?=)"), "(a)");
        assert_eq!(read("(=?ISO-8859-1?Q?a?= b)"), "(a b)");
        assert_eq!(read("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)"), "(ab)");
        assert_eq!(read("(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-2?Q?b?=)"), "(ab)");
        assert_eq!(read("(=?ISO-8859-1?Q?a_b?=)"), "(a b)");
        assert_eq!(read("=?ISO-8859-1?Q?Andr=E9?= Pirard"), "André Pirard");
    }

    #[test]
    fn reads_the_charsets_of_russian_mail() {
        assert_eq!(read("=?koi8-r?B?8NLJ18XU?="), "Привет");
        assert_eq!(read("=?windows-1251?Q?=CF=F0=E8=E2=E5=F2?="), "Привет");
        assert_eq!(read("=?iso-8859-5?Q?=BF=E0=D8=D2=D5=E2?="), "Привет");
    }

    #[test]
    fn a_character_cut_between_two_words_is_whole() {
        assert_eq!(read("=?utf-8?B?0J8=?= =?utf-8?Q?=D1?=\r\n =?UTF-8?Q?=80!?="), "Пр!");
    }

    #[test]
    fn broken_words_stay_or_are_read_as_far_as_they_go() {
        assert_eq!(read("=?utf-8?X?a?= =?utf-8?Q?b"), "=?utf-8?X?a?= =?utf-8?Q?b");
        assert_eq!(read("=?utf-8?B?YWJjZ?="), "abc");
        assert_eq!(read("=?utf-8?Q?a=4?="), "a=4");
        assert_eq!(read("=?nobody-knows?Q?=D0=B0?="), "а");
        assert_eq!(read("=?us-ascii?Q?=D0=B0?="), "а");
        assert_eq!(read("=??Q?a?="), "=??Q?a?=");
        assert_eq!(read("=?=?=?utf-8?Q?x?="), "=?=?x");
        assert_eq!(read("=?utf-8?Q?=FF?="), "\u{fffd}");
    }

    #[test]
    fn raw_octets_are_read_in_their_likely_charset() {
        for charset in [Charset::UTF_8, Charset::KOI8_R, Charset::WINDOWS_1251, Charset::IBM866] {
            let raw = charset.encode("Re: Привет =?utf-8?Q?=D0=B0?=").unwrap();
            assert_eq!(decode(&raw), "Re: Привет а");
        }
        assert_eq!(read("=?cp866?Q?=8F=E0=A8?="), "При");
        assert_eq!(read("=?utf-7?Q?+BB8-?="), "П");
    }
}
