//! The API's client: one request a connection over the Unix socket. Knows Content-Length and chunks (RFC 9112 s6, s7.1).

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value as Json, json};

use super::Failure;
use crate::admin::SOCKET;

/// How long an answer may take; a check reads the whole store.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Octets of an answer: the list of 100,000 mailboxes fits.
const ANSWER: u64 = 64 * 1024 * 1024;

/// The server's socket.
pub(super) struct Client {
    socket: PathBuf,
}

impl Client {
    /// The server of a state directory.
    pub fn at(state: &Path) -> Self {
        Client { socket: state.join(SOCKET) }
    }

    /// Looks.
    pub fn get(&self, path: &str) -> Result<Json, Failure> {
        self.ask("GET", path, &Json::Null)
    }

    /// Asks; an answer that is no 200 is a failure with the server's words.
    pub fn ask(&self, method: &str, path: &str, body: &Json) -> Result<Json, Failure> {
        let stream = UnixStream::connect(&self.socket).map_err(|error| self.no_server(&error))?;
        let (status, bytes) = exchange(stream, method, path, body).map_err(|error| {
            let what = format!("the server at {} did not answer {method} {path}: {error}", self.socket.display());
            Failure::unreachable(what, "see whether it still runs, and its journal")
        })?;
        let answer: Json = serde_json::from_slice(&bytes).unwrap_or(Json::Null);
        if status == 200 {
            return Ok(answer);
        }
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let what = text("error").unwrap_or_else(|| format!("the server answered {status} to {method} {path}"));
        let todo = text("todo").unwrap_or_default();
        Err(Failure { code: 1, what, todo, body: Some(answer).filter(|a| !a.is_null()) })
    }

    fn no_server(&self, error: &io::Error) -> Failure {
        let what = format!("no server answers at {}: {error}", self.socket.display());
        let todo = match error.kind() {
            io::ErrorKind::PermissionDenied => "run this as root or as the server's own user",
            _ => "start it (gatepost serve), or name its state directory by --state",
        };
        Failure::unreachable(what, todo)
    }
}

/// A part of a path, with everything escaped that is not unreserved (RFC 3986 s2.3).
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

fn exchange(mut stream: UnixStream, method: &str, path: &str, body: &Json) -> io::Result<(u16, Vec<u8>)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = format!(
        "{method} /api/{path} HTTP/1.1\r\nHost: gatepost\r\nConnection: close\r\nX-Gatepost-User: {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        user(),
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    // A server that refuses a large body answers before it has read it all.
    let sent = stream.write_all(body.as_bytes()).and_then(|()| stream.flush());
    match answer(&mut BufReader::new(stream)) {
        Ok(answer) => Ok(answer),
        Err(error) => Err(sent.err().unwrap_or(error)),
    }
}

/// `root (uid 0)`; under sudo `ann (uid 0 by sudo)`. For the journal; it gives no rights.
fn user() -> String {
    let clean = |name: String| name.chars().filter(|c| c.is_ascii_graphic()).take(32).collect::<String>();
    let uid = rustix::process::getuid().as_raw();
    let named = |variable: &str| std::env::var(variable).ok().map(clean).filter(|name| !name.is_empty());
    match (named("SUDO_USER"), named("USER")) {
        (Some(name), _) => format!("{name} (uid {uid} by sudo)"),
        (None, Some(name)) => format!("{name} (uid {uid})"),
        (None, None) => format!("uid {uid}"),
    }
}

/// Status and body of an answer.
fn answer(from: &mut impl BufRead) -> io::Result<(u16, Vec<u8>)> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let first = line(from)?;
    let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    let status: u16 = status.ok_or_else(|| bad("this is no HTTP answer"))?;
    let (mut length, mut chunked) = (None, false);
    loop {
        let head = line(from)?.to_ascii_lowercase();
        match head.split_once(':').map(|(name, value)| (name.trim(), value.trim())) {
            Some(("content-length", value)) => length = value.parse::<u64>().ok(),
            Some(("transfer-encoding", value)) => chunked = value.contains("chunked"),
            Some(_) => {}
            None if head.is_empty() => break,
            None => return Err(bad("a head line has no colon")),
        }
    }
    let mut body = Vec::new();
    if chunked {
        chunks(from, &mut body)?;
    } else {
        let most = length.unwrap_or(ANSWER);
        from.take(most.min(ANSWER)).read_to_end(&mut body)?;
        if length.is_some_and(|length| length != body.len() as u64) {
            return Err(bad("the answer is not complete"));
        }
    }
    Ok((status, body))
}

fn chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "a chunk of the answer is damaged");
    loop {
        let head = line(from)?;
        let size = head.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| bad())?;
        if size == 0 {
            return Ok(());
        }
        if size > ANSWER || body.len() as u64 + size > ANSWER {
            return Err(bad());
        }
        let before = body.len() as u64;
        from.by_ref().take(size).read_to_end(body)?;
        if body.len() as u64 - before != size || !line(from)?.is_empty() {
            return Err(bad());
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.by_ref().take(16 * 1024).read_until(b'\n', &mut bytes)?;
    let text = bytes.strip_suffix(b"\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text)).into_owned())
}

/// An empty JSON object, for methods that need a body.
pub(super) fn nothing() -> Json {
    json!({})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &str) -> io::Result<(u16, Vec<u8>)> {
        answer(&mut bytes.as_bytes())
    }

    #[test]
    fn both_forms_of_a_body_are_read() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        let chunked = "HTTP/1.1 409 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
        let open = "HTTP/1.1 200 OK\r\n\r\nhello";
        assert_eq!(read(plain).unwrap(), (200, b"hello".to_vec()));
        assert_eq!(read(chunked).unwrap(), (409, b"hello".to_vec()));
        assert_eq!(read(open).unwrap(), (200, b"hello".to_vec()));
    }

    #[test]
    fn half_an_answer_is_no_answer() {
        for bytes in [
            "",
            "SSH-2.0\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ] {
            assert!(read(bytes).is_err(), "{bytes}");
        }
    }

    #[test]
    fn an_address_becomes_one_part_of_a_path() {
        assert_eq!(escape("a+b/c@x.test"), "a%2Bb%2Fc%40x.test");
    }
}
