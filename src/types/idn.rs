//! Labels of international domain names: U-labels to A-labels and back (RFC 5890, 5891; Punycode: RFC 3492).
//!
//! What a person writes is mapped as browsers and Postfix do it: lower case and compatibility forms (NFKC); then a label is
//! letters, digits, marks and hyphens of any script. The tables of RFC 5892 are not held here: a registry holds them.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Octets of a label (RFC 1035 s2.3.4).
const LABEL: usize = 63;
const PREFIX: &str = "xn--";

/// A label that is not ASCII in its `xn--` form; None if it cannot be one.
pub(super) fn to_ascii(label: &str) -> Option<String> {
    let label = mapped(label);
    let good = |c: char| c.is_alphanumeric() || c == '-' || is_combining_mark(c) || is_joiner(c);
    if label.starts_with('-')
        || label.ends_with('-')
        || label.starts_with(is_combining_mark)
        || !label.chars().all(good)
    {
        return None;
    }
    if label.is_ascii() {
        return Some(label);
    }
    let ascii = format!("{PREFIX}{}", encode(&label.chars().map(u32::from).collect::<Vec<_>>())?);
    (ascii.len() <= LABEL).then_some(ascii)
}

/// The U-label of an A-label; None for a label that is none, or that nobody could have written.
pub(super) fn to_unicode(label: &str) -> Option<String> {
    let text = decode(label.strip_prefix(PREFIX)?)?;
    (to_ascii(&text).as_deref() == Some(label)).then_some(text)
}

/// Full stops of other scripts (RFC 3490 s3.1) are full stops.
pub(super) fn is_stop(c: char) -> bool {
    matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

/// Twice, because lower case may undo what NFKC did.
fn mapped(label: &str) -> String {
    let once = |text: &str| text.nfkc().flat_map(char::to_lowercase).nfkc().collect::<String>();
    once(&once(label))
}

/// RFC 5892 appendix A: Persian and the scripts of India need them.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

// RFC 3492 s5.
const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const BIAS: u32 = 72;
const FIRST: u32 = 128;

/// RFC 3492 s6.1.
fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

fn threshold(k: u32, bias: u32) -> u32 {
    k.saturating_sub(bias).clamp(T_MIN, T_MAX)
}

/// RFC 3492 s6.3.
fn encode(label: &[u32]) -> Option<String> {
    let mut out: String = label.iter().filter(|c| **c < FIRST).filter_map(|c| char::from_u32(*c)).collect();
    let basic = u32::try_from(out.len()).ok()?;
    if basic > 0 {
        out.push('-');
    }
    let (mut n, mut delta, mut bias, mut done) = (FIRST, 0u32, BIAS, basic);
    while (done as usize) < label.len() {
        let next = label.iter().copied().filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(done + 1)?)?;
        n = next;
        for c in label {
            if *c < n {
                delta = delta.checked_add(1)?;
            }
            if *c == n {
                number(delta, bias, &mut out);
                bias = adapt(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(out)
}

/// A delta as a number of variable length.
fn number(delta: u32, bias: u32, out: &mut String) {
    let (mut q, mut k) = (delta, BASE);
    loop {
        let t = threshold(k, bias);
        if q < t {
            return out.push(digit(q));
        }
        out.push(digit(t + (q - t) % (BASE - t)));
        q = (q - t) / (BASE - t);
        k += BASE;
    }
}

fn digit(n: u32) -> char {
    char::from_digit(if n < 26 { n + 10 } else { n - 26 }, 36).unwrap_or('a')
}

fn value(c: char) -> Option<u32> {
    let digit = c.to_digit(36)?;
    Some(if digit >= 10 { digit - 10 } else { digit + 26 })
}

/// RFC 3492 s6.2.
fn decode(text: &str) -> Option<String> {
    let (basic, rest) = text.rsplit_once('-').unwrap_or(("", text));
    let mut out: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (FIRST, 0u32, BIAS);
    let mut digits = rest.chars();
    while !digits.as_str().is_empty() {
        let (before, mut weight, mut k) = (i, 1u32, BASE);
        loop {
            let digit = value(digits.next()?)?;
            i = i.checked_add(digit.checked_mul(weight)?)?;
            let t = threshold(k, bias);
            if digit < t {
                break;
            }
            weight = weight.checked_mul(BASE - t)?;
            k += BASE;
        }
        let points = u32::try_from(out.len()).ok()? + 1;
        bias = adapt(i - before, points, before == 0);
        n = n.checked_add(i / points)?;
        i %= points;
        out.insert(i as usize, char::from_u32(n)?);
        i += 1;
    }
    Some(out.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_every_script_go_there_and_back() {
        for (unicode, ascii) in [
            ("почта", "xn--80a1acny"),
            ("рф", "xn--p1ai"),
            ("bücher", "xn--bcher-kva"),
            ("faß", "xn--fa-hia"),
            ("例え", "xn--r8jz45g"),
            ("παράδειγμα", "xn--hxajbheg2az3al"),
            ("испытание", "xn--80akhbyknj4f"),
            ("하나", "xn--910bx01e"),
            // RFC 3492 s7.1 (L): digits and hyphens stand in front.
            ("3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b"),
        ] {
            assert_eq!(to_ascii(unicode).as_deref(), Some(ascii));
            assert_eq!(to_unicode(ascii).as_deref(), Some(unicode));
        }
    }

    #[test]
    fn what_looks_alike_is_the_same() {
        assert_eq!(to_ascii("ПОЧТА"), to_ascii("почта"));
        // й as one letter and as two.
        assert_eq!(to_ascii("\u{439}"), to_ascii("\u{438}\u{306}"));
        assert_eq!(to_ascii("ＡＢ"), Some("ab".into()));
        assert_eq!(to_ascii("bücher"), to_ascii("bu\u{308}cher"));
    }

    #[test]
    fn what_is_no_label_has_no_other_form() {
        for label in ["-п", "п-", "п п", "п\u{202e}", "п@", "\u{301}п", "п_", "\u{fffd}", &"п".repeat(100)] {
            assert_eq!(to_ascii(label), None, "{label}");
        }
        for label in ["xn--", "xn--a", "office", "xn--ABC", "xn--99999999999", "xn--p1ai-", "xn--\u{43f}"] {
            assert_eq!(to_unicode(label), None, "{label}");
        }
    }
}
