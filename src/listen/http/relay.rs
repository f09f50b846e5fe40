//! One exchange with tiny_http: a fresh connection, a request whose head is written anew, an answer.

use std::{io, os::unix::net::UnixStream, time::Duration};

use async_io::Async;
use smol::future::or;

use super::{
    After, Front, Origin,
    front::Body,
    refuse::{self, Refusal},
};
use crate::{
    admin::{Events, gate},
    limits,
    net::{Conn, ReadError},
    rt::timeout,
    wire::http::{AnswerHead, BodyForm, Method, RequestHead, head_end},
};

/// Between us and tiny_http nothing is slow but the answer.
const SEND_TIME: Duration = Duration::from_secs(10);
const TURN_TIME: Duration = Duration::from_secs(limits::HTTP_TURN_SECS);
/// In which a client must take what is sent at once.
const TAKE_TIME: Duration = Duration::from_secs(limits::HTTP_TAKE_SECS);
/// A client that takes a large answer octet by octet must not keep a turn for hours.
const PASS_TIME: Duration = Duration::from_secs(limits::HTTP_PASS_SECS);
/// RFC 9112 s7.1.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// A stream may be silent for so long.
const SILENCE: Duration = Duration::from_secs(3600);

/// Fields of a client that mean something behind the front. Everything else is left out, above all what only the front may say.
const PASSED: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "content-type",
    "cookie",
    "if-none-match",
    "last-event-id",
    "origin",
    "sec-fetch-site",
    "user-agent",
];

impl Front {
    pub(super) async fn relay(
        &self,
        conn: &mut Conn,
        from: Origin,
        head: &RequestHead,
        body: Body,
    ) -> Result<After, Refusal> {
        let (turns, patience) = match from {
            Origin::Net { .. } => (&self.net, self.means.patience.net),
            Origin::Local { .. } => (&self.local, self.means.patience.local),
        };
        let turn = timeout(TURN_TIME, turns.acquire()).await.ok_or(refuse::BUSY)?;
        let mut inner = self.ask(from, head, &body.octets).await.map_err(|_| refuse::BROKEN)?;
        drop(body);
        let mut answer = answer_head(&mut inner, patience).await?;
        if let Some(number) = answer.take(gate::EVENTS) {
            drop((inner, turn));
            let events = self.means.gate.fetch(&number).ok_or(refuse::BROKEN)?;
            answer.body = BodyForm::Chunks;
            or(listen(conn, events, &answer), self.means.stop.wait()).await;
            // Whatever stands before it is whole: a browser tells an end from a break.
            conn.put(LAST_CHUNK);
            return Ok(After::Close);
        }
        let without_body = head.method == Method::Head || matches!(answer.status, 204 | 304);
        if without_body {
            // RFC 9110 s8.6: a length that is not the body's is not said; a stream has none.
            if answer.body == BodyForm::Octets(0) {
                answer.body = BodyForm::Open;
            }
            drop((inner, turn));
            return Ok(give(conn, head, &answer, &[]).await);
        }
        match answer.body {
            BodyForm::Octets(octets) if octets <= limits::HTTP_HELD => {
                let body = held(&mut inner, octets).await.ok_or(refuse::BROKEN)?;
                drop((inner, turn));
                Ok(give(conn, head, &answer, &body).await)
            }
            BodyForm::Octets(octets) => {
                let passed = timeout(PASS_TIME, pass(conn, &mut inner, head, &answer, octets)).await;
                Ok(passed.unwrap_or(After::Close))
            }
            BodyForm::Chunks | BodyForm::Open => {
                let _slot = self.downloads.take(1).ok_or(refuse::DOWNLOADS)?;
                drop(turn);
                or(download(conn, &mut inner, &answer), self.means.stop.wait()).await;
                Ok(After::Close)
            }
        }
    }

    async fn ask(&self, from: Origin, head: &RequestHead, body: &[u8]) -> io::Result<Conn> {
        let socket = Async::<UnixStream>::connect(&self.means.gate.socket).await?;
        let mut inner = Conn::unix(socket);
        inward(from, head, &self.means.gate.secret).write(inner.output());
        inner.put(body);
        inner.flush(SEND_TIME).await.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(inner)
    }
}

/// The head as tiny_http gets it.
fn inward(from: Origin, head: &RequestHead, secret: &str) -> RequestHead {
    let mut fields = vec![(gate::GATE.to_owned(), secret.to_owned())];
    match from {
        Origin::Net { ip, tls } => {
            fields.push((gate::PEER.to_owned(), ip.to_string()));
            fields.push((gate::TLS.to_owned(), u8::from(tls).to_string()));
        }
        Origin::Local { uid } => {
            fields.push((gate::UID.to_owned(), uid.to_string()));
            let user = head.field(&gate::USER.to_ascii_lowercase()).filter(|user| user.is_ascii());
            fields.extend(user.map(|user| (gate::USER.to_owned(), user.to_owned())));
        }
    }
    // tiny_http gives up a connection over a field that is not ASCII.
    let passed = head.fields.iter().filter(|(name, value)| PASSED.contains(&name.as_str()) && value.is_ascii());
    fields.extend(passed.cloned());
    RequestHead {
        method: head.method,
        target: head.target.clone(),
        host: head.host.clone(),
        length: head.length,
        close: true,
        expects_continue: false,
        fields,
    }
}

async fn answer_head(inner: &mut Conn, patience: Duration) -> Result<AnswerHead, Refusal> {
    let mut seen = 0;
    loop {
        let bytes = inner.buffered();
        let end = head_end(bytes, seen).map_err(|_| refuse::BROKEN)?;
        if end.unwrap_or(bytes.len()) > limits::HTTP_HEAD {
            return Err(refuse::BROKEN);
        }
        if let Some(end) = end {
            let answer = AnswerHead::parse(&bytes[..end]).ok_or(refuse::BROKEN);
            inner.consume(end);
            return answer;
        }
        seen = bytes.len();
        match inner.fill(patience).await {
            Ok(()) => {}
            Err(ReadError::Timeout) => return Err(refuse::NO_ANSWER),
            Err(ReadError::Closed | ReadError::TooLong | ReadError::Io(_)) => return Err(refuse::BROKEN),
        }
    }
}

/// The whole of a small body, so that neither tiny_http nor a turn waits for the client.
async fn held(inner: &mut Conn, octets: u64) -> Option<Vec<u8>> {
    let octets = usize::try_from(octets).ok()?;
    let mut body = Vec::with_capacity(octets);
    while body.len() < octets {
        if inner.buffered().is_empty() {
            inner.fill_bulk(SEND_TIME).await.ok()?;
        }
        let piece = inner.buffered().len().min(octets - body.len());
        body.extend_from_slice(&inner.buffered()[..piece]);
        inner.consume(piece);
    }
    Some(body)
}

async fn give(conn: &mut Conn, head: &RequestHead, answer: &AnswerHead, body: &[u8]) -> After {
    answer.write(head.close, conn.output());
    conn.put(body);
    if conn.flush(TAKE_TIME).await.is_ok() { After::Again } else { After::Close }
}

/// A large body in pieces. Where it breaks off, the client sees a short one, as the connection ends.
async fn pass(conn: &mut Conn, inner: &mut Conn, head: &RequestHead, answer: &AnswerHead, octets: u64) -> After {
    answer.write(head.close, conn.output());
    let mut left = octets;
    while left > 0 {
        if inner.buffered().is_empty() && inner.fill_bulk(TAKE_TIME).await.is_err() {
            return After::Close;
        }
        let piece = inner.buffered().len().min(usize::try_from(left).unwrap_or(usize::MAX));
        conn.put(&inner.buffered()[..piece]);
        inner.consume(piece);
        left -= u64::try_from(piece).unwrap_or(left);
        if conn.flush(TAKE_TIME).await.is_err() {
            return After::Close;
        }
    }
    After::Again
}

/// A download of unknown length: pieces go on until both ends have them. A client that half-closes still gets all of it; one
/// that is gone, or takes nothing, is seen when something is sent.
async fn download(conn: &mut Conn, inner: &mut Conn, answer: &AnswerHead) {
    answer.write(true, conn.output());
    loop {
        conn.put(inner.buffered());
        inner.consume(inner.buffered().len());
        if conn.flush(TAKE_TIME).await.is_err() || inner.fill_bulk(SILENCE).await.is_err() {
            return;
        }
    }
}

/// Events, until their source or their reader is gone. A reader that takes nothing for long is let go.
async fn listen(conn: &mut Conn, mut events: Box<dyn Events>, answer: &AnswerHead) {
    answer.write(true, conn.output());
    loop {
        // The client says nothing while it listens: what comes from it is its end.
        let gone = async {
            let _ = conn.fill(SILENCE).await;
            None
        };
        let Some(piece) = or(events.next(), gone).await else { return };
        conn.put(format!("{:x}\r\n", piece.len()).as_bytes());
        conn.put(&piece);
        conn.put(b"\r\n");
        if conn.flush(TAKE_TIME).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_front_may_say_is_stripped_from_outside() {
        let text = "POST /api/x HTTP/1.1\r\nHost: gw\r\nContent-Length: 2\r\nX-Gatepost-Uid: 0\r\nX-Gatepost-Gate: guess\r\n\
                    X-Gatepost-Peer: 127.0.0.1\r\nX-Gatepost-User: root\r\nCookie: a=b\r\nX-Forwarded-For: 1.2.3.4\r\nOrigin: \u{e4}\r\n\r\n";
        let head = RequestHead::parse(text.as_bytes()).unwrap();
        let net = inward(Origin::Net { ip: "192.0.2.1".parse().unwrap(), tls: true }, &head, "s");
        let expected = [(gate::GATE, "s"), (gate::PEER, "192.0.2.1"), (gate::TLS, "1"), ("cookie", "a=b")];
        let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!((net.fields, net.close, net.length), (expected, true, 2));
        let local = inward(Origin::Local { uid: 7 }, &head, "s");
        assert_eq!(local.field(gate::UID), Some("7"));
        assert_eq!(local.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(gate::UID)).count(), 1);
    }
}
