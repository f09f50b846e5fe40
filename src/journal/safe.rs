//! Strangers' text made harmless, once.
//!
//! What comes out is one printable line: no control character can end it, no bidi mark can turn it round, nothing
//! invisible is left, and it is bounded. The escapes are unambiguous because a backslash is doubled.

/// Whether a character ends lines, steers a terminal, turns text round, or cannot be seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' // soft hyphen, ALM, fillers
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' // zero width, LRM, RLM
            | '\u{2028}'..='\u{202e}' // line and paragraph separators, embeddings, overrides
            | '\u{2060}'..='\u{206f}' // word joiner, isolates
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e000}'..='\u{f8ff}' // private use: a font decides what is seen
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0000}'..='\u{e0fff}') // tags
}

/// Collects at most `max` characters, and `...` where more was to come. An escape is written whole or not at all.
struct Bounded {
    out: String,
    left: usize,
    full: bool,
}

impl Bounded {
    fn new(max: usize) -> Self {
        Bounded { out: String::with_capacity(max.min(256)), left: max, full: false }
    }

    /// Whether there was room.
    fn push(&mut self, piece: impl Iterator<Item = char> + Clone) -> bool {
        let width = piece.clone().count();
        if width > self.left {
            self.full = true;
            return false;
        }
        self.left -= width;
        self.out.extend(piece);
        true
    }

    fn end(mut self) -> String {
        if self.full {
            self.out.push_str("...");
        }
        self.out
    }
}

fn push_text(out: &mut Bounded, text: &str, also: &[char]) -> bool {
    text.chars().all(|c| {
        if is_hidden(c) || also.contains(&c) {
            out.push(c.escape_unicode())
        } else if c == '\\' {
            out.push("\\\\".chars())
        } else {
            out.push(std::iter::once(c))
        }
    })
}

/// `text` with C0/C1 controls, bidi marks, line separators, invisible characters and backslashes escaped, cut to `max`
/// characters of output (then `...`). For words, counts, texts between commas.
pub fn safe(text: &str, max: usize) -> String {
    let mut out = Bounded::new(max);
    push_text(&mut out, text, &[]);
    out.end()
}

/// As [`safe`], for a value that stands in `<...>` or before a colon, where the line goes on behind it: `<`, `>`, blanks and
/// quotation marks are escaped too, so that a HELO of `x> status=sent (` cannot write the rest of the line itself.
pub fn safe_field(text: &str, max: usize) -> String {
    let mut out = Bounded::new(max);
    push_text(&mut out, text, &['<', '>', ' ', '"', '\u{a0}', '\u{2007}', '\u{202f}', '\u{3000}']);
    out.end()
}

/// As [`safe`], for bytes that should have been UTF-8; others become `\xff`.
pub fn safe_bytes(bytes: &[u8], max: usize) -> String {
    let mut out = Bounded::new(max);
    for chunk in bytes.utf8_chunks() {
        let whole = push_text(&mut out, chunk.valid(), &[])
            && chunk.invalid().iter().all(|b| out.push(format!("\\x{b:02x}").chars()));
        if !whole {
            break;
        }
    }
    out.end()
}

/// The journal's last line of defence: what an event forgot to make safe. Text that is safe already comes back as it is, so
/// that nothing is escaped twice; a hidden character is escaped, and the whole is bounded.
pub(super) fn scrub(text: String, max: usize) -> String {
    let clean = text.len() <= max && !text.chars().any(is_hidden);
    if clean {
        return text;
    }
    let mut out = Bounded::new(max);
    let _ =
        text.chars().all(|c| if is_hidden(c) { out.push(c.escape_unicode()) } else { out.push(std::iter::once(c)) });
    out.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helo_cannot_forge_a_line() {
        let helo = "x\r\nNov 24 05:08:51 gw postfix/smtpd[1]: connect from unknown[10.0.0.1]";
        assert_eq!(safe(helo, 200), "x\\u{d}\\u{a}Nov 24 05:08:51 gw postfix/smtpd[1]: connect from unknown[10.0.0.1]");
    }

    #[test]
    fn a_field_cannot_be_closed_from_inside() {
        assert_eq!(safe_field("a> status=sent", 99), "a\\u{3e}\\u{20}status=sent");
        assert_eq!(safe_field("иван@почта", 99), "иван@почта");
    }

    #[test]
    fn everything_hidden_is_shown() {
        for c in [
            '\0',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{61c}',
            '\u{200b}',
            '\u{202e}',
            '\u{2066}',
            '\u{2028}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let out = safe(&c.to_string(), 20);
            assert!(out.starts_with("\\u{") && out.is_ascii(), "{c:?}: {out}");
        }
    }

    #[test]
    fn escapes_are_unambiguous() {
        assert_eq!(safe("\\u{a}", 20), "\\\\u{a}");
        assert_ne!(safe("\\u{a}", 20), safe("\n", 20));
    }

    #[test]
    fn the_bound_is_of_the_output() {
        assert_eq!(safe(&"\u{e0041}".repeat(300), 30), "\\u{e0041}\\u{e0041}\\u{e0041}...");
        assert_eq!(safe("abc", 3), "abc");
        assert_eq!(safe("abcd", 3), "abc...");
        assert_eq!(safe("привет", 3), "при...");
        assert_eq!(safe("x", 0), "...");
        assert_eq!(safe("", 0), "");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_shown() {
        assert_eq!(safe_bytes(b"a\xff\xfeb\xd0", 30), "a\\xff\\xfeb\\xd0");
        assert_eq!(safe_bytes("п\n\\".as_bytes(), 30), "п\\u{a}\\\\");
        assert_eq!(safe_bytes(&[0xff; 100], 9), "\\xff\\xff...");
    }

    #[test]
    fn the_last_line_of_defence_leaves_safe_text_alone() {
        assert_eq!(scrub("a\\u{a} b".into(), 100), "a\\u{a} b");
        assert_eq!(scrub("a\nb".into(), 100), "a\\u{a}b");
        assert_eq!(scrub("x".repeat(200), 100), format!("{}...", "x".repeat(100)));
    }
}
