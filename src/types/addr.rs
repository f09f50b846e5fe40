//! Mail addresses (RFC 5321 s4.1.2), parsed once.

use std::fmt;

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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(Box<str>);

impl Domain {
    /// The one constructor: ASCII letters, digits, `-`, `_` and dots (an IDN in its `xn--` form), or a literal in brackets.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
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
        if !text.is_ascii() {
            return Err(AddressError("write an internationalized domain in its xn-- form"));
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

/// The part before the `@`, unquoted, its case kept; at most 64 octets (RFC 5321 s4.5.3.1.1).
#[derive(Clone, Debug, Eq)]
pub struct LocalPart(Box<str>);

impl LocalPart {
    /// The one constructor, from the unquoted text. UTF-8 is refused (we do not offer SMTPUTF8).
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError("the local part is empty"));
        }
        if text.len() > 64 {
            return Err(AddressError("the local part is longer than 64 octets"));
        }
        if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Err(AddressError("the local part has a character outside printable ASCII"));
        }
        Ok(LocalPart(text.into()))
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case: the key by which our own mailboxes are found.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    fn is_atoms(&self) -> bool {
        !self.0.split('.').any(str::is_empty)
            && self.0.bytes().all(|b| b.is_ascii_alphanumeric() || b".!#$%&'*+-/=?^_`{|}~".contains(&b))
    }
}

/// Compared without case: no mailbox of the field differs by case only.
impl PartialEq for LocalPart {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
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

impl Ord for LocalPart {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Without allocating: a lookup of a recipient in the directory compares a dozen times.
        fn lower(part: &LocalPart) -> impl Iterator<Item = u8> + '_ {
            part.0.bytes().map(|b| b.to_ascii_lowercase())
        }
        lower(self).cmp(lower(other))
    }
}

/// The wire form: quoted when it is not a dot-string (RFC 5321 s4.1.2).
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
            "почта@o.t",
        ] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn case_does_not_matter() {
        assert_eq!(Address::parse("Ann@OFFICE.test"), Address::parse("ann@office.TEST"));
    }
}
