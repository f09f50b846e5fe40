//! The head of an answer (RFC 9112 s4, s6).

use super::{field, length, lines};

/// How the body of an answer is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// So many octets.
    Octets(u64),
    /// In chunks until the connection ends: a stream.
    Chunks,
    /// Until the connection ends.
    Open,
}

/// An answer's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerHead {
    /// 200, 404, ...
    pub status: u16,
    /// How long the body is said to be; for HEAD and 304 none follows all the same.
    pub body: BodyForm,
    /// The fields beside those of one hop (RFC 9110 s7.6.1).
    pub fields: Vec<(String, String)>,
}

impl AnswerHead {
    /// Reads a head with its empty line. None when it is none, or its body is cut in a form that nobody here writes.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = lines(bytes);
        let first = std::str::from_utf8(lines.next()?).ok()?;
        let status = first.strip_prefix("HTTP/1.1 ")?.split(' ').next()?;
        let status: u16 = length(status)?.try_into().ok().filter(|s| (100..600).contains(s))?;
        let mut head = AnswerHead { status, body: BodyForm::Open, fields: Vec::new() };
        for line in lines {
            let (name, value) = field(line)?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.body = BodyForm::Octets(length(&value)?),
                "transfer-encoding" if value == "chunked" => head.body = BodyForm::Chunks,
                "transfer-encoding" => return None,
                "connection" | "keep-alive" | "upgrade" | "trailer" | "server" => {}
                _ => head.fields.push((name, value)),
            }
        }
        Some(head)
    }

    /// A field's value.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Takes a field out, and gives its value.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let at = self.fields.iter().position(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(self.fields.remove(at).1)
    }

    /// Writes it; `close`: the connection ends behind it.
    pub fn write(&self, close: bool, out: &mut Vec<u8>) {
        let mut line = |text: String| out.extend_from_slice(text.as_bytes());
        line(format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)));
        for (name, value) in &self.fields {
            line(format!("{name}: {value}\r\n"));
        }
        match self.body {
            // RFC 9110 s8.6: a 204 has no length.
            BodyForm::Octets(0) if self.status == 204 => {}
            BodyForm::Octets(octets) => line(format!("Content-Length: {octets}\r\n")),
            BodyForm::Chunks => line("Transfer-Encoding: chunked\r\n".to_owned()),
            BodyForm::Open => {}
        }
        line(format!("Connection: {}\r\n\r\n", if close { "close" } else { "keep-alive" }));
    }
}

/// RFC 9110 s15, those that are said here.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        303 => "See Other",
        304 => "Not Modified",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "Answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_and_written_without_what_belongs_to_one_hop() {
        let text = b"HTTP/1.1 200 OK\r\nServer: x\r\nETag: \"a\"\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
        let head = AnswerHead::parse(text).unwrap();
        assert_eq!((head.status, head.body, head.field("etag")), (200, BodyForm::Octets(5), Some("\"a\"")));
        let mut out = Vec::new();
        head.write(false, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n"
        );
        assert_eq!(AnswerHead::parse(&out).as_ref(), Some(&head));
        let mut head = head;
        assert_eq!((head.take("etag").as_deref(), head.take("etag"), head.fields.len()), (Some("\"a\""), None, 0));
    }

    #[test]
    fn what_is_no_answer_of_ours_is_none() {
        for bad in [
            "",
            "\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 99 x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        ] {
            assert_eq!(AnswerHead::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(AnswerHead::parse(b"HTTP/1.1 200 OK\r\n\r\n").unwrap().body, BodyForm::Open);
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(AnswerHead::parse(chunks).unwrap().body, BodyForm::Chunks);
    }
}
