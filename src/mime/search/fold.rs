//! Letters without their case.

/// Octets of a text that is looked through place by place: what is longer is folded, for no text may take long.
const SHORT: usize = 128;

/// A text that is looked for, folded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needle(String);

impl Needle {
    /// Any text; the empty one is in every text.
    pub fn new(text: &str) -> Self {
        Needle(fold(text))
    }

    /// Whether it is in `text`, whatever the case of letters.
    pub fn is_in(&self, text: &str) -> bool {
        match text.len() <= SHORT && text.is_ascii() {
            true => self.is_in_short(text.as_bytes()),
            false => self.is_in_folded(&fold(text)),
        }
    }

    /// A short text in ASCII, as subjects are, is looked through sooner than folded.
    fn is_in_short(&self, text: &[u8]) -> bool {
        let needle = self.0.as_bytes();
        let Some(first) = needle.first() else { return true };
        text.windows(needle.len()).any(|w| w[0].to_ascii_lowercase() == *first && w.eq_ignore_ascii_case(needle))
    }

    pub(super) fn is_in_folded(&self, folded: &str) -> bool {
        folded.contains(&self.0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A text in which letters that differ in case only are the same.
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

pub(super) fn fold_into(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        out[start..].make_ascii_lowercase();
        return;
    }
    out.reserve(text.len());
    out.extend(text.chars().map(folded));
}

/// Simple folding: one letter stays one letter. By way of the capital, so that final sigma and long s fold too.
fn folded(c: char) -> char {
    match c {
        '\0'..='\x7f' => c.to_ascii_lowercase(),
        '\u{430}'..='\u{44f}' => c,
        '\u{410}'..='\u{42f}' => char::from_u32(u32::from(c) + 32).unwrap_or(c),
        _ => only(only(c, char::to_uppercase), char::to_lowercase),
    }
}

/// The mapping where it is one letter to one.
fn only<I: Iterator<Item = char>>(c: char, map: impl Fn(char) -> I) -> char {
    let mut mapped = map(c);
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_gone_in_every_script() {
        assert_eq!(fold("Hello, ПРИВЕТ, Ёж, ÄÖ, Ћ, ΣΑΣ σας"), "hello, привет, ёж, äö, ћ, σασ σασ");
        assert_eq!(fold("ß ŉ ﬁ \u{130}"), "ß ŉ ﬁ \u{130}");
    }

    #[test]
    fn a_needle_is_found_whatever_its_case() {
        assert!(Needle::new("ВЕт").is_in("Привет"));
        assert!(Needle::new("").is_in(""));
        assert!(!Needle::new("еж").is_in("Ёж"));
        assert!(Needle::new("\u{212a}Elvin").is_in("degrees KELVIN") && Needle::new("").is_in("x"));
        assert!(!Needle::new("kelvin").is_in("kelvi") && !Needle::new("ж").is_in("kelvin"));
        for c in (0..0x3000).filter_map(char::from_u32) {
            let text = c.to_string();
            assert_eq!(fold(&fold(&text)), fold(&text), "{c:?}");
        }
    }
}
