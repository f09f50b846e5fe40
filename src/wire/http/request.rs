//! The head of a request (RFC 9112 s2 to s6).

use super::{field, is_token, length, lines};

/// Fields of one head.
const FIELDS: usize = 100;

/// The methods that anything here knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Look.
    Get,
    /// Look, without the body.
    Head,
    /// Make, or do.
    Post,
    /// Replace or change.
    Put,
    /// Remove.
    Delete,
}

impl Method {
    /// All of them, in the order of Allow.
    pub const ALL: [Method; 5] = [Method::Get, Method::Head, Method::Post, Method::Put, Method::Delete];

    /// As it stands in a request; methods have a case (RFC 9110 s9.1).
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// Why a head is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// The first line is none: `METHOD target HTTP/1.1` with single blanks.
    Line,
    /// A method that nothing here knows.
    Method,
    /// HTTP/1.0, HTTP/2 without TLS' consent, or newer.
    Version,
    /// A line ends with LF alone (RFC 9112 s2.2 lets it be taken; two readers may differ).
    BareLf,
    /// A control character, before the head's end was seen.
    Control,
    /// A line begins with a blank: an obsolete folded value (RFC 9112 s5.2), or a blank before the first field.
    Folded,
    /// A line that is no field.
    Field,
    /// More fields than FIELDS.
    TooMany,
    /// No Host, two of them, or one that is none (RFC 9112 s3.2: 400).
    Host,
    /// Two Content-Length, or one that is no number.
    Length,
    /// Content-Length beside Transfer-Encoding (RFC 9112 s6.3: an attack).
    TwoFramings,
    /// A body in chunks: its length must be said.
    Chunked,
    /// TE: nobody here wants trailers or codings.
    Te,
    /// Upgrade: no other protocol is spoken here.
    Upgrade,
    /// Expect with anything but 100-continue (RFC 9110 s10.1.1: 417).
    Expect,
}

/// Where a head ends: the octets up to and with its empty line; None while that has not come. Looks at `from` and behind, where
/// the caller saw the octets before already. What can be no head is refused as early as it is seen.
pub fn head_end(bytes: &[u8], from: usize) -> Result<Option<usize>, BadHead> {
    for (at, byte) in bytes.iter().copied().enumerate().skip(from) {
        let lone_cr = at > 0 && bytes[at - 1] == b'\r' && byte != b'\n';
        match byte {
            b'\n' if at == 0 || bytes[at - 1] != b'\r' => return Err(BadHead::BareLf),
            b'\n' if bytes[..=at].ends_with(b"\r\n\r\n") => return Ok(Some(at + 1)),
            b'\n' | b'\r' | b'\t' if !lone_cr => {}
            _ if lone_cr || byte < b' ' || byte == 0x7f => return Err(BadHead::Control),
            _ => {}
        }
    }
    Ok(None)
}

/// A head that can be understood in one way only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// What to do.
    pub method: Method,
    /// With what: origin form, `/path?query`, visible ASCII without `#`.
    pub target: String,
    /// Host as it was sent.
    pub host: String,
    /// Octets of the body.
    pub length: u64,
    /// Whether the client wants the connection closed.
    pub close: bool,
    /// Whether it waits for a 100 before it sends the body.
    pub expects_continue: bool,
    /// The other fields: names in lower case, in their order.
    pub fields: Vec<(String, String)>,
}

impl RequestHead {
    /// Reads a head that [`head_end`] has cut.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadHead> {
        let mut lines = lines(bytes);
        let (method, target, authority) = request_line(lines.next().unwrap_or_default())?;
        let mut sum = Sum::default();
        for line in lines {
            if line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
                return Err(BadHead::Folded);
            }
            let (name, value) = field(line).ok_or(BadHead::Field)?;
            sum.take(name.to_ascii_lowercase(), value)?;
        }
        sum.head(method, target, authority)
    }

    /// A field's value; the first, where there are several.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Writes what [`RequestHead::parse`] reads.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut line = |text: String| out.extend_from_slice(text.as_bytes());
        line(format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method.name(), self.target, self.host));
        if self.length > 0 || !matches!(self.method, Method::Get | Method::Head) {
            line(format!("Content-Length: {}\r\n", self.length));
        }
        if self.close {
            line("Connection: close\r\n".to_owned());
        }
        if self.expects_continue {
            line("Expect: 100-continue\r\n".to_owned());
        }
        for (name, value) in &self.fields {
            line(format!("{name}: {value}\r\n"));
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Method, target in origin form, and the authority of an absolute form (RFC 9112 s3.2.2).
fn request_line(line: &[u8]) -> Result<(Method, String, Option<String>), BadHead> {
    let text = std::str::from_utf8(line).map_err(|_| BadHead::Line)?;
    let parts: Vec<&str> = text.split(' ').collect();
    let [method, target, version] = parts[..] else { return Err(BadHead::Line) };
    if method.is_empty() || !method.bytes().all(is_token) || !target.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
    {
        return Err(BadHead::Line);
    }
    match version.strip_prefix("HTTP/").map(str::as_bytes) {
        Some(b"1.1") => {}
        Some([b'0'..=b'9', b'.', b'0'..=b'9']) => return Err(BadHead::Version),
        Some(_) | None => return Err(BadHead::Line),
    }
    let method = Method::ALL.into_iter().find(|m| m.name() == method).ok_or(BadHead::Method)?;
    if target.starts_with('/') {
        return Ok((method, target.to_owned(), None));
    }
    let rest = ["http://", "https://"].iter().find_map(|scheme| target.strip_prefix(scheme)).ok_or(BadHead::Line)?;
    let (authority, path) = rest.find(['/', '?']).map_or((rest, ""), |at| rest.split_at(at));
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok((method, format!("{slash}{path}"), Some(authority.to_owned())))
}

/// The fields that say how a request is cut and to whom it goes, apart from the others.
#[derive(Default)]
struct Sum {
    host: Option<String>,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    expects_continue: bool,
    many: usize,
    fields: Vec<(String, String)>,
}

impl Sum {
    fn take(&mut self, name: String, value: String) -> Result<(), BadHead> {
        self.many += 1;
        if self.many > FIELDS {
            return Err(BadHead::TooMany);
        }
        match name.as_str() {
            "host" => match self.host.replace(value) {
                None => {}
                Some(_) => return Err(BadHead::Host),
            },
            "content-length" => match self.length.replace(length(&value).ok_or(BadHead::Length)?) {
                None => {}
                Some(_) => return Err(BadHead::Length),
            },
            "transfer-encoding" => self.chunked = true,
            "te" => return Err(BadHead::Te),
            "upgrade" => return Err(BadHead::Upgrade),
            "expect" if value.eq_ignore_ascii_case("100-continue") => self.expects_continue = true,
            "expect" => return Err(BadHead::Expect),
            // What else it may hold names fields of one hop (RFC 9110 s7.6.1); nothing of them is passed on.
            "connection" => self.close |= value.split(',').any(|o| o.trim().eq_ignore_ascii_case("close")),
            _ => self.fields.push((name, value)),
        }
        Ok(())
    }

    fn head(self, method: Method, target: String, authority: Option<String>) -> Result<RequestHead, BadHead> {
        if self.chunked {
            return Err(if self.length.is_some() { BadHead::TwoFramings } else { BadHead::Chunked });
        }
        let host = self.host.filter(|host| super::Host::parse(host).is_some()).ok_or(BadHead::Host)?;
        // RFC 9112 s3.2.2 lets the target win; a client whose two differ is up to something.
        if authority.is_some_and(|authority| authority != host) {
            return Err(BadHead::Host);
        }
        let Sum { length, close, expects_continue, fields, .. } = self;
        let length = length.unwrap_or(0);
        Ok(RequestHead { method, target, host, length, close, expects_continue, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RequestHead, BadHead> {
        let end = head_end(text.as_bytes(), 0)?.expect("a whole head");
        RequestHead::parse(&text.as_bytes()[..end])
    }

    fn with(line: &str) -> Result<RequestHead, BadHead> {
        read(&format!("POST /api/x HTTP/1.1\r\nHost: gw\r\n{line}\r\n\r\n"))
    }

    #[test]
    fn a_head_is_read_and_written() {
        let text = "PUT /api/a?b=%20 HTTP/1.1\r\nHost: gw.test:8443\r\nCoNTent-Length: 12\r\nConnection: Foo, Close\r\nCookie: \t a=b \r\n\r\n";
        let head = read(text).unwrap();
        assert_eq!((head.method, head.target.as_str(), head.path()), (Method::Put, "/api/a?b=%20", "/api/a"));
        assert_eq!((head.host.as_str(), head.length, head.close), ("gw.test:8443", 12, true));
        assert_eq!((head.field("cookie"), head.field("connection")), (Some("a=b"), None));
        let mut out = Vec::new();
        head.write(&mut out);
        assert_eq!(RequestHead::parse(&out), Ok(head));
    }

    #[test]
    fn only_one_form_of_the_first_line_is_taken() {
        let line = |line: &str| read(&format!("{line}\r\nHost: gw\r\n\r\n")).map(|head| head.target);
        assert_eq!(line("GET / HTTP/1.1"), Ok("/".into()));
        assert_eq!(line("GET http://gw/a?b HTTP/1.1"), Ok("/a?b".into()));
        assert_eq!(line("GET https://gw?b HTTP/1.1"), Ok("/?b".into()));
        assert_eq!(line("GET http://other/ HTTP/1.1"), Err(BadHead::Host));
        for version in ["GET / HTTP/1.0", "GET / HTTP/2.0", "PRI * HTTP/2.0", "GET / HTTP/1.2"] {
            assert_eq!(line(version), Err(BadHead::Version), "{version}");
        }
        for method in ["get / HTTP/1.1", "OPTIONS / HTTP/1.1", "TRACE / HTTP/1.1", "CONNECT / HTTP/1.1"] {
            assert_eq!(line(method), Err(BadHead::Method), "{method}");
        }
        for bad in [
            "GET /",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "GET /a b HTTP/1.1",
            "GET /# HTTP/1.1",
            "GET a HTTP/1.1",
            "GET /ä HTTP/1.1",
            "GET / http/1.1",
            "G@T / HTTP/1.1",
            "",
        ] {
            assert_eq!(line(bad), Err(BadHead::Line), "{bad}");
        }
    }

    #[test]
    fn a_request_has_one_length_or_none() {
        assert_eq!(with("Content-Length: 0").unwrap().length, 0);
        for bad in [
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 5, 5",
            "Content-Length: +5",
            "Content-Length: 0x5",
            "Content-Length:",
            "Content-Length: 99999999999999999999",
        ] {
            assert_eq!(with(bad), Err(BadHead::Length), "{bad}");
        }
        assert_eq!(with("Transfer-Encoding: chunked"), Err(BadHead::Chunked));
        assert_eq!(with("Content-Length: 5\r\nTransfer-Encoding: x"), Err(BadHead::TwoFramings));
        assert_eq!(with("Transfer-Encoding: identity\r\nContent-Length: 5"), Err(BadHead::TwoFramings));
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        assert_eq!(with(" folded"), Err(BadHead::Folded));
        assert_eq!(with("Cookie: a\r\n\tb"), Err(BadHead::Folded));
        for bad in ["Content-Length : 5", "no colon", ": empty", "Cook ie: a"] {
            assert_eq!(with(bad), Err(BadHead::Field), "{bad}");
        }
        assert_eq!(with("TE: trailers"), Err(BadHead::Te));
        assert_eq!(with("Upgrade: h2c"), Err(BadHead::Upgrade));
        assert_eq!(with("Expect: the unexpected"), Err(BadHead::Expect));
        assert_eq!(with("Host: gw"), Err(BadHead::Host));
        assert_eq!(read("GET / HTTP/1.1\r\nA: b\r\n\r\n"), Err(BadHead::Host));
        assert_eq!(with(&"A: b\r\n".repeat(100)).map(drop), Err(BadHead::TooMany));
    }

    #[test]
    fn bad_octets_are_seen_before_the_end_comes() {
        for (bytes, why) in [
            (&b"GET / HTTP/1.1\nHost"[..], BadHead::BareLf),
            (b"\n", BadHead::BareLf),
            (b"GET / HTTP/1.1\rX", BadHead::Control),
            (b"\x16\x03\x01\x02", BadHead::Control),
            (b"GET / HTTP/1.1\r\nA: b\0", BadHead::Control),
        ] {
            assert_eq!(head_end(bytes, 0), Err(why), "{bytes:?}");
        }
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nHost: x\r\n\r", 20), Ok(None));
        assert_eq!(head_end(b"GET / HTTP/1.1\r\n\r\nrest", 16), Ok(Some(18)));
    }
}
