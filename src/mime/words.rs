//! Encoded words (RFC 2047): what a header field says when it is not ASCII.

use base64::{Engine, engine::general_purpose::STANDARD};

/// Octets of text in one encoded word: base64 of them, `=?UTF-8?B?` and `?=` stay below the 75 of RFC 2047 s2.
const WORD: usize = 45;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_stays_and_other_text_is_cut_into_words() {
        assert_eq!(encode("Hello"), "Hello");
        assert_eq!(encode("Привет"), "=?UTF-8?B?0J/RgNC40LLQtdGC?=");
        assert!(encode("=?UTF-8?B?0J/RgNC40LLQtdGC?=").starts_with("=?UTF-8?B?PT9V"));
        let long = encode(&"ж".repeat(200));
        assert!(long.split("\r\n ").all(|w| w.len() <= 75 && w.starts_with("=?UTF-8?B?")));
    }
}
