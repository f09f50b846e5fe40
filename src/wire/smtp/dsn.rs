//! Parameters of RFC 3461 (`RET=`, `ENVID=`, `NOTIFY=`, `ORCPT=`) with the addresses of RFC 6533: text to value and back.

use crate::types::{Notify, Orcpt, Ret, Terms, Wishes};

/// Characters of a value of `ENVID=` and of `ORCPT=`, encoded (RFC 3461 s4.4, s4.2).
const ENVID_MAX: usize = 100;
const ORCPT_MAX: usize = 500;

/// `RET=`
pub(super) fn ret(value: &str) -> Option<Ret> {
    let named = |name: &str| value.eq_ignore_ascii_case(name);
    if named("FULL") { Some(Ret::Full) } else { named("HDRS").then_some(Ret::Headers) }
}

/// `ENVID=`: printable ASCII behind its encoding.
pub(super) fn envid(value: &str) -> Option<Box<str>> {
    xtext(value).filter(|_| value.len() <= ENVID_MAX).and_then(printable)
}

/// `NOTIFY=`: NEVER alone, or a list of the others.
pub(super) fn notify(value: &str) -> Option<Notify> {
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify::NEVER);
    }
    let mut notify = Notify::NEVER;
    for word in value.split(',') {
        let which = [("SUCCESS", &mut notify.success), ("FAILURE", &mut notify.failure), ("DELAY", &mut notify.delay)];
        let (_, which) = which.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(word))?;
        *which = true;
    }
    Some(notify)
}

/// `ORCPT=`: a type, and an address encoded as the type wants it (RFC 6533 s3 for `utf-8`).
pub(super) fn orcpt(value: &str) -> Option<Orcpt> {
    let (kind, address) = value.split_once(';')?;
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*-/?^_`{|}~.".contains(&b);
    if kind.is_empty() || !kind.bytes().all(atom) {
        return None;
    }
    let kind = kind.to_ascii_lowercase();
    let address = if kind == "utf-8" { unitext(address)? } else { printable(xtext(address)?)? };
    let orcpt = Orcpt { kind: kind.into(), address };
    // In any form that we may write it.
    (orcpt_text(&orcpt).len() <= ORCPT_MAX).then_some(orcpt)
}

/// ` RET=... ENVID=...` as MAIL has them, with a blank before each; empty where nothing was asked.
#[must_use]
pub fn write_terms(terms: &Terms) -> String {
    let ret = terms.ret.map_or("", |ret| match ret {
        Ret::Full => " RET=FULL",
        Ret::Headers => " RET=HDRS",
    });
    let envid = terms.envid.as_ref().map(|envid| format!(" ENVID={}", write_xtext(envid)));
    format!("{ret}{}", envid.unwrap_or_default())
}

/// ` NOTIFY=... ORCPT=...` as RCPT has them, with a blank before each; empty where nothing was asked.
#[must_use]
pub fn write_wishes(wishes: &Wishes) -> String {
    let mut out = String::new();
    if let Some(Notify { success, failure, delay }) = wishes.notify {
        let words = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
        let words: Vec<&str> = words.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
        out.push_str(" NOTIFY=");
        out.push_str(&if words.is_empty() { "NEVER".to_owned() } else { words.join(",") });
    }
    if let Some(orcpt) = &wishes.orcpt {
        out.push_str(" ORCPT=");
        out.push_str(&orcpt_text(orcpt));
    }
    out
}

/// `rfc822;ann+2Bx@office.test`: in seven bits, so that every server takes it.
fn orcpt_text(orcpt: &Orcpt) -> String {
    let address = if &*orcpt.kind == "utf-8" { write_unitext(&orcpt.address) } else { write_xtext(&orcpt.address) };
    format!("{};{address}", orcpt.kind)
}

/// RFC 3461 s4: printable ASCII but for `+` and `=`, which are `+2B` and `+3D`. None for what is none, and for nothing.
pub(super) fn xtext(value: &str) -> Option<Vec<u8>> {
    let hex = |b: Option<u8>| b.filter(|b| !b.is_ascii_lowercase()).and_then(|b| char::from(b).to_digit(16));
    let mut out = Vec::with_capacity(value.len());
    let mut octets = value.bytes();
    while let Some(octet) = octets.next() {
        out.push(match octet {
            b'+' => u8::try_from(hex(octets.next())? * 16 + hex(octets.next())?).ok()?,
            b'=' => return None,
            other if other.is_ascii_graphic() => other,
            _other => return None,
        });
    }
    (!out.is_empty()).then_some(out)
}

fn write_xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        if octet.is_ascii_graphic() && octet != b'+' && octet != b'=' {
            out.push(char::from(octet));
        } else {
            out.push_str(&format!("+{octet:02X}"));
        }
    }
    out
}

fn printable(octets: Vec<u8>) -> Option<Box<str>> {
    let good = octets.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    String::from_utf8(octets).ok().filter(|_| good).map(String::into_boxed_str)
}

/// RFC 6533 s3: characters for themselves, or as `\x{44F}`; `+` and `=` are forgiven where they stand for themselves.
fn unitext(value: &str) -> Option<Box<str>> {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(c) = rest.chars().next() {
        let (c, after) = match rest.strip_prefix("\\x{") {
            Some(escape) => {
                let (digits, after) = escape.split_once('}')?;
                let digits =
                    Some(digits).filter(|d| (2..=6).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_hexdigit()))?;
                (char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, after)
            }
            None if c == '\\' => return None,
            None => (c, &rest[c.len_utf8()..]),
        };
        if c.is_control() || c == '\u{fffd}' || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            return None;
        }
        out.push(c);
        rest = after;
    }
    (!out.is_empty()).then(|| out.into_boxed_str())
}

fn write_unitext(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\');
    text.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\x{{{:02X}}}", u32::from(c)) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xtext_is_read_and_written() {
        for (text, plain) in [("a+2Bb+3Dc", "a+b=c"), ("x", "x"), ("a+20b", "a b")] {
            assert_eq!(xtext(text).as_deref(), Some(plain.as_bytes()));
            assert_eq!(write_xtext(plain), text);
        }
        for bad in ["", "a=b", "a+2b", "a+2", "a+", "a b", "я"] {
            assert_eq!(xtext(bad), None, "{bad}");
        }
    }

    #[test]
    fn notify_is_never_or_a_list() {
        assert_eq!(notify("never"), Some(Notify::NEVER));
        let both = Notify { success: true, failure: false, delay: true };
        assert_eq!(notify("DELAY,success"), Some(both));
        assert_eq!(write_wishes(&Wishes { notify: Some(both), orcpt: None }), " NOTIFY=SUCCESS,DELAY");
        for bad in ["", "NEVER,DELAY", "SUCCESS,", "ALWAYS", "SUCCESS FAILURE"] {
            assert_eq!(notify(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_first_address_is_of_any_script() {
        let read = |text: &str| orcpt(text).map(|o| (o.kind.to_string(), o.address.to_string()));
        let pair = |kind: &str, address: &str| Some((kind.to_owned(), address.to_owned()));
        assert_eq!(read("RFC822;ann+2Bx@o.t"), pair("rfc822", "ann+x@o.t"));
        assert_eq!(read("utf-8;\\x{44F}@\\x{43F}.\\x{440}\\x{444}"), pair("utf-8", "я@п.рф"));
        assert_eq!(read("UTF-8;я@п.рф"), pair("utf-8", "я@п.рф"));
        let orcpt = Orcpt { kind: "utf-8".into(), address: "я+x@п.рф".into() };
        assert_eq!(orcpt_text(&orcpt), "utf-8;\\x{44F}\\x{2B}x@\\x{43F}.\\x{440}\\x{444}");
        for bad in [
            "ann@o.t",
            ";a",
            "rfc822;",
            "rfc 822;a",
            "rfc822;я",
            "rfc822;a+0A",
            "utf-8;\\x{A}",
            "utf-8;\\x{0A}",
            "utf-8;\\x{202E}",
            "utf-8;\\q",
            "utf-8;\\x{D800}",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(read(&format!("rfc822;{}", "x".repeat(493))).is_some());
        assert!(read(&format!("rfc822;{}", "x".repeat(494))).is_none());
        assert!(read(&format!("utf-8;{}", "я".repeat(80))).is_none(), "too long in seven bits");
    }
}
