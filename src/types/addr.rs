//! Mail addresses (RFC 5321 s4.1.2), parsed once.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::idn;

/// Why a text is not an address; a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(pub &'static str);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for AddressError {}

/// A domain name in lower case without a final dot, or an address literal `[...]`; at most 255 octets (RFC 5321 s4.5.3.1.2).
/// An international name is held, compared and shown in its ASCII form (A-labels, RFC 5890 s2.3.2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Box<str>);

impl Domain {
    /// The one constructor: letters, digits, `-`, `_` and dots, of any script, or a literal in brackets.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if !text.is_ascii() {
            return Self::international(text);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(AddressError("the domain is empty"));
        }
        if text.len() > 255 {
            return Err(AddressError("the domain is longer than 255 octets"));
        }
        if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            return Self::literal(inner);
        }
        for label in text.split('.') {
            let ok = !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-');
            if !ok {
                return Err(AddressError("a label of the domain is empty, too long or has a forbidden character"));
            }
        }
        Ok(Domain(text.to_ascii_lowercase().into_boxed_str()))
    }

    fn international(text: &str) -> Result<Self, AddressError> {
        const LABEL: AddressError =
            AddressError("a label of the domain is empty, too long or has a forbidden character");
        // More than this is no name in any form; the work is bounded.
        if text.len() > 1024 {
            return Err(AddressError("the domain is longer than 255 octets"));
        }
        let labels: Option<Vec<String>> = text
            .split(idn::is_stop)
            .map(|label| if label.is_ascii() { Some(label.to_owned()) } else { idn::to_ascii(label) })
            .collect();
        Self::parse(&labels.ok_or(LABEL)?.join("."))
    }

    /// The name as a person writes it: U-labels where there are any (RFC 5890 s2.3.2.1).
    pub fn to_unicode(&self) -> String {
        let labels = self.0.split('.').map(|l| idn::to_unicode(l).unwrap_or_else(|| l.to_owned()));
        labels.collect::<Vec<_>>().join(".")
    }

    fn literal(inner: &str) -> Result<Self, AddressError> {
        let v6 = inner.get(..5).filter(|p| p.eq_ignore_ascii_case("ipv6:")).map(|_| &inner[5..]);
        let ok = match v6 {
            Some(rest) => rest.parse::<std::net::Ipv6Addr>().is_ok(),
            None => inner.parse::<std::net::Ipv4Addr>().is_ok(),
        };
        if ok {
            Ok(Domain(format!("[{}]", inner.to_ascii_lowercase()).into_boxed_str()))
        } else {
            Err(AddressError("the address literal is not an IP address"))
        }
    }

    /// The text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an address literal.
    pub fn is_literal(&self) -> bool {
        self.0.starts_with('[')
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The part before the `@`, unquoted, its case kept; at most 64 octets (RFC 5321 s4.5.3.1.1). Of any script (RFC 6531 s3.3),
/// composed (NFC, RFC 6532 s3.1), so that one name has one form.
#[derive(Clone, Debug, Eq)]
pub struct LocalPart(Box<str>);

impl LocalPart {
    /// The one constructor, from the unquoted text.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError("the local part is empty"));
        }
        if text.len() > 1024 {
            return Err(AddressError("the local part is longer than 64 octets"));
        }
        let text = if text.is_ascii() { text.to_owned() } else { text.nfc().collect() };
        if text.len() > 64 {
            return Err(AddressError("the local part is longer than 64 octets"));
        }
        if !text.chars().all(may_stand) {
            return Err(AddressError("the local part has a control character, or one that cannot be seen"));
        }
        Ok(LocalPart(text.into_boxed_str()))
    }

    /// The text, composed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case: the key by which our own mailboxes are found.
    pub fn key(&self) -> String {
        self.lower().collect()
    }

    /// Whether it is ASCII: then it needs no SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }

    fn lower(&self) -> impl Iterator<Item = char> + '_ {
        self.0.chars().flat_map(char::to_lowercase)
    }

    fn is_atoms(&self) -> bool {
        let atom = |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        !self.0.split('.').any(str::is_empty) && self.0.chars().all(atom)
    }
}

/// No control characters, no blanks but the ASCII one, nothing that turns the direction of a line or stands for octets that
/// were no UTF-8.
fn may_stand(c: char) -> bool {
    let unseen = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}');
    c == ' ' || !c.is_control() && !c.is_whitespace() && !unseen
}

/// Compared without case: no mailbox of the field differs by case only.
impl PartialEq for LocalPart {
    fn eq(&self, other: &Self) -> bool {
        if self.is_ascii() && other.is_ascii() {
            return self.0.eq_ignore_ascii_case(&other.0);
        }
        self.lower().eq(other.lower())
    }
}

impl std::hash::Hash for LocalPart {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialOrd for LocalPart {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The quick way, without allocating: a lookup of a recipient in the directory compares a dozen times.
fn bytes(ascii: &str) -> impl Iterator<Item = u8> + '_ {
    ascii.bytes().map(|b| b.to_ascii_lowercase())
}

impl Ord for LocalPart {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        if self.is_ascii() && other.is_ascii() {
            return bytes(&self.0).cmp(bytes(&other.0));
        }
        self.lower().cmp(other.lower())
    }
}

/// The wire form: quoted when it is not a dot-string (RFC 5321 s4.1.2, RFC 6531 s3.3).
impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_atoms() {
            return f.write_str(&self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            if c == '"' || c == '\\' {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

/// `local@domain`; the wire form is its `Display`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Before the `@`.
    pub local: LocalPart,
    /// After it.
    pub domain: Domain,
}

impl Address {
    /// Reads `local@domain` or `"quoted local"@domain`, without angle brackets.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = split(text)?;
        Ok(Address { local: LocalPart::parse(&local)?, domain: Domain::parse(domain)? })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Splits at the `@` outside quotes; gives the unquoted local part.
fn split(text: &str) -> Result<(String, &str), AddressError> {
    const NO_AT: AddressError = AddressError("there is no @ in the address");
    let Some(quoted) = text.strip_prefix('"') else {
        let (local, domain) = text.rsplit_once('@').ok_or(NO_AT)?;
        let part = LocalPart::parse(local)?;
        if !part.is_atoms() {
            return Err(AddressError("the local part has a character that must stand in quotes, or an empty label"));
        }
        return Ok((local.to_owned(), domain));
    };
    let mut local = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => local.push(chars.next().ok_or(NO_AT)?.1),
            '"' => return Ok((local, quoted[at + 1..].strip_prefix('@').ok_or(NO_AT)?)),
            _ => local.push(c),
        }
    }
    Err(AddressError("the quoted local part does not end"))
}

/// Where bounces go (RFC 5321 s4.1.1.2): nowhere for a message that is itself a bounce.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`
    Null,
    /// An address.
    Address(Address),
}

impl ReversePath {
    /// The address, unless null.
    pub fn address(&self) -> Option<&Address> {
        match self {
            ReversePath::Null => None,
            ReversePath::Address(a) => Some(a),
        }
    }
}

/// Without brackets; empty for null (as journal lines want it).
impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => Ok(()),
            ReversePath::Address(a) => a.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_plain_and_quoted_addresses_and_writes_them_back() {
        for text in [
            "ann@office.test",
            "a.b+c@x.y",
            "\"two words\"@office.test",
            "\"a@b\"@office.test",
            "\"q\\\"q\"@o.t",
            "u@[127.0.0.1]",
            "u@[ipv6:::1]",
        ] {
            assert_eq!(Address::parse(text).map(|a| a.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn refuses_what_is_no_address() {
        for text in [
            "",
            "ann",
            "@office.test",
            "ann@",
            "a..b@office.test",
            "two words@o.t",
            "ann@-x.test",
            "ann@[300.1.1.1]",
            "\"open@o.t",
            "п\u{202e}@o.t",
            "\u{fffd}@o.t",
            "п\u{85}@o.t",
            "ann@почта_.рф",
            "ann@-п.рф",
            "ann@почта..рф",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_of_every_script() {
        let one = |text: &str| Address::parse(text).unwrap();
        let ann = one("анна.к@почта.рф");
        assert_eq!(ann.to_string(), "анна.к@xn--80a1acny.xn--p1ai");
        assert_eq!(ann.domain.to_unicode(), "почта.рф");
        assert_eq!(one("АННА.К@ПОЧТА.РФ."), ann);
        assert_eq!(one("анна.к@XN--80A1ACNY.xn--p1ai"), ann);
        assert_eq!(one("анна.к@почта\u{3002}рф"), ann);
        assert_eq!(one("\u{439}@o.t"), one("\u{438}\u{306}@o.t"));
        assert_eq!(one("\"два слова\"@o.t").to_string(), "\"два слова\"@o.t");
        assert!(one("ann@почта.рф").local.is_ascii() && !ann.local.is_ascii());
        assert!(Address::parse(&format!("{}@o.t", "п".repeat(33))).is_err());
        assert_eq!(one("u@[ipv6:::1]").domain.to_unicode(), "[ipv6:::1]");
    }

    #[test]
    fn case_does_not_matter() {
        assert_eq!(Address::parse("Ann@OFFICE.test"), Address::parse("ann@office.TEST"));
    }
}
