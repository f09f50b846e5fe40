//! Files of others over HTTPS: the policies of MTA-STS (RFC 8461 s3.3). One GET (RFC 9112), one small text.

use std::{
    future::Future,
    net::{SocketAddr, ToSocketAddrs},
    pin::Pin,
    time::Duration,
};

use super::sts::Fetch;
use crate::{
    limits,
    net::{self, Authorities, Conn, Connector, ReadError, Trust},
    rt::{Turns, Worker, timeout},
};

/// In which a policy must come (RFC 8461 s3.3: a minute).
const SLOW: Duration = Duration::from_secs(limits::STS_SECS);
/// In which its server must be reached: where port 443 is closed to us, others wait behind it.
const REACHED: Duration = Duration::from_secs(10);
const PORT: u16 = 443;
const PATH: &str = "/.well-known/mta-sts.txt";
/// Octets of a line of the head, and fields in it.
const LINE: usize = 8 * 1024;
const FIELDS: usize = 100;

/// Fetches one file at a time. The thread that asks the system for addresses and authorities ends with the fetch.
#[derive(Default)]
pub struct Https(Turns<()>);

impl Fetch for Https {
    fn get<'a>(&'a self, domain: &'a str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>> {
        let host = format!("mta-sts.{domain}");
        Box::pin(async move {
            let fetching = async {
                let _turn = self.0.lock().await;
                let worker = Worker::start("fetch", 1, 1).map_err(|error| error.to_string())?;
                let name = host.clone();
                let looked = worker.run(move || (addresses(&name), Authorities::of_system())).await;
                let (addresses, authorities) = looked.map_err(|_| "the thread broke off".to_owned())?;
                let addresses = addresses?;
                let text = timeout(SLOW / 2, text_of(&host, &addresses, authorities));
                text.await.unwrap_or_else(|| Err("the server is too slow".to_owned()))
            };
            // Others may be before it, and the mail waits.
            timeout(SLOW, fetching).await.unwrap_or_else(|| Err("nothing came in time".to_owned()))
        })
    }
}

fn addresses(host: &str) -> Result<Vec<SocketAddr>, String> {
    (host, PORT).to_socket_addrs().map(Iterator::collect).map_err(|error| error.to_string())
}

/// RFC 8461 s3.3: a good certificate, 200, text/plain, no way to somewhere else.
async fn text_of(host: &str, addresses: &[SocketAddr], authorities: Authorities) -> Result<Vec<u8>, String> {
    let reached = timeout(REACHED, first_of(addresses)).await;
    let mut conn = reached.unwrap_or_else(|| Err("nobody answers".to_owned()))?;
    let connector = Connector::new(Trust::Authorities(authorities)).ok_or("there is no TLS")?;
    conn.begin_tls(&connector, host, REACHED).await.map_err(in_words)?;
    let ask = format!(
        "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: gatepost\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
    );
    conn.put(ask.as_bytes());
    conn.flush(SLOW).await.map_err(in_words)?;
    let mut head = Head::read(&mut conn).await?;
    while (100..200).contains(&head.status) {
        head = Head::read(&mut conn).await?;
    }
    if head.status != 200 {
        return Err(format!("the server says {}", head.status));
    }
    if !head.is_text {
        return Err("it is no text/plain".to_owned());
    }
    body(&mut conn, &head).await
}

/// The first that can be reached.
async fn first_of(addresses: &[SocketAddr]) -> Result<Conn, String> {
    let mut why = "the name has no address".to_owned();
    for at in addresses {
        match net::reach(*at, REACHED / 2).await {
            Ok(conn) => return Ok(conn),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// What a policy needs of the head of an answer.
#[derive(Default)]
struct Head {
    status: u16,
    is_text: bool,
    is_chunked: bool,
    length: Option<usize>,
}

impl Head {
    async fn read(conn: &mut Conn) -> Result<Self, String> {
        let first = line(conn).await?;
        let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        let mut head = Head { status: status.ok_or("that is no HTTP")?, ..Head::default() };
        for _field in 0..FIELDS {
            let field = line(conn).await?;
            if field.is_empty() {
                return Ok(head);
            }
            let (name, value) = field.split_once(':').ok_or("that is no HTTP")?;
            head.take(&name.to_ascii_lowercase(), value.trim())?;
        }
        Err("the head has no end".to_owned())
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "content-type" => {
                let kind = value.split(';').next().unwrap_or_default().trim();
                self.is_text = kind.eq_ignore_ascii_case("text/plain");
            }
            "content-length" => self.length = Some(value.parse().map_err(|_| "its length is no number")?),
            // RFC 9112 s6.1: another coding than this one was not asked for.
            "transfer-encoding" if value.eq_ignore_ascii_case("chunked") => self.is_chunked = true,
            "transfer-encoding" => return Err(format!("its coding is {value}")),
            _ => {}
        }
        Ok(())
    }
}

/// RFC 9112 s6.3: chunks, or so many octets, or all until the end.
async fn body(conn: &mut Conn, head: &Head) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    if !head.is_chunked {
        take(conn, &mut out, head.length).await?;
        return Ok(out);
    }
    loop {
        let size = line(conn).await?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16);
        match size.map_err(|_| "a chunk has no size")? {
            0 => return Ok(out),
            size => take(conn, &mut out, Some(size)).await?,
        }
        if !line(conn).await?.is_empty() {
            return Err("a chunk is longer than it says".to_owned());
        }
    }
}

/// So many octets more, or all that come.
async fn take(conn: &mut Conn, out: &mut Vec<u8>, length: Option<usize>) -> Result<(), String> {
    let most = usize::try_from(limits::STS_OCTETS).unwrap_or(usize::MAX);
    let end = length.map(|length| length.saturating_add(out.len()));
    while end.is_none_or(|end| out.len() < end) {
        if end.is_some_and(|end| end > most) || out.len() > most {
            return Err("it is too long".to_owned());
        }
        if conn.buffered().is_empty() {
            match conn.fill(SLOW).await {
                // RFC 9112 s9.8: whoever cuts the connection must not cut the policy.
                Err(ReadError::Closed) if end.is_none() && conn.was_ended() => return Ok(()),
                filled => filled.map_err(in_words)?,
            }
        }
        let fresh = conn.buffered();
        let some = end.map_or(fresh.len(), |end| fresh.len().min(end - out.len()));
        out.extend_from_slice(&fresh[..some]);
        conn.consume(some);
    }
    Ok(())
}

async fn line(conn: &mut Conn) -> Result<String, String> {
    let (line, _) = conn.line(LINE, SLOW).await.map_err(in_words)?;
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn in_words(error: ReadError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;
    use crate::{
        net::{Acceptor, Conn, Identity, Tickets},
        rt::block_on,
        types::UnixTime,
    };

    const SOON: Duration = Duration::from_secs(20);

    /// A web server for one request; gives its address and its certificate.
    fn serve(answer: String) -> (SocketAddr, String) {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let names = ["localhost".to_owned()];
        let (chain, key) = Identity::self_signed(&names, UnixTime(i64::try_from(now).unwrap())).unwrap();
        let identity = Identity::from_pem(&chain, &key).unwrap();
        let acceptor = Acceptor::new(&identity, Tickets::None).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            block_on(async {
                let mut conn = Conn::plain(async_io::Async::new(socket).unwrap()).unwrap();
                if conn.starttls(&acceptor, SOON).await.is_err() {
                    return;
                }
                while conn.line(4096, SOON).await.is_ok_and(|(line, _)| !line.is_empty()) {}
                conn.put(answer.as_bytes());
                match answer.contains("cut") {
                    true => drop(conn.flush(SOON).await),
                    false => conn.close(SOON).await,
                }
            });
        });
        (at, chain)
    }

    fn fetched(head: &str, body: &str) -> Result<String, String> {
        answered(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }

    fn answered(answer: String) -> Result<String, String> {
        let (at, certificate) = serve(answer);
        // Nobody is at the first address.
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = block_on(text_of("localhost", &[closed, at], Authorities::of_pem(&certificate)));
        text.map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_policy_comes_as_plain_text_with_200_and_never_from_elsewhere() {
        let text = "version: STSv1\r\nmode: none\r\n";
        assert_eq!(fetched("200 OK\r\nContent-Type: text/plain; charset=utf-8", text), Ok(text.to_owned()));
        for (head, why) in [
            ("404 Not Found\r\nContent-Type: text/plain", "404"),
            ("200 OK\r\nContent-Type: text/html", "text/plain"),
            ("200 OK", "text/plain"),
            ("301 Moved\r\nContent-Type: text/plain\r\nLocation: https://localhost/x", "301"),
        ] {
            let error = fetched(head, text).unwrap_err();
            assert!(error.contains(why), "{head}: {error}");
        }
        let large = "x".repeat(70_000);
        assert!(fetched("200 OK\r\nContent-Type: text/plain", &large).is_err());
    }

    #[test]
    fn a_stranger_certificate_is_refused() {
        let (at, _) = serve("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx".into());
        let (_, other) = serve(String::new());
        assert!(block_on(text_of("localhost", &[at], Authorities::of_pem(&other))).is_err());
        let (at, own) = serve("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx".into());
        assert!(block_on(text_of("mta-sts.example.test", &[at], Authorities::of_pem(&own))).is_err());
    }

    /// RFC 9112 s6.3: every way to say where a body ends, and what was cut off.
    #[test]
    fn a_body_ends_where_its_head_says() {
        let text = |rest: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: Text/Plain\r\n{rest}");
        let chunked = "Transfer-Encoding: chunked\r\n\r\n";
        for good in [
            "\r\nversion: STSv1\r\n".to_owned(),
            "Content-Length: 16\r\n\r\nversion: STSv1\r\nmore".to_owned(),
            format!("{chunked}8;a=b\r\nversion:\r\n8\r\n STSv1\r\n\r\n0\r\n\r\n"),
        ] {
            assert_eq!(answered(text(&good)), Ok("version: STSv1\r\n".to_owned()), "{good}");
        }
        let early = format!("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n{}", text("Content-Length: 1\r\n\r\nx"));
        assert_eq!(answered(early), Ok("x".to_owned()));
        let long = format!("{chunked}ffff\r\n{}\r\n8\r\n12345678\r\n0\r\n\r\n", "x".repeat(0xffff));
        for bad in [
            "Content-Length: 99\r\n\r\nversion: STSv1\r\n",
            "Content-Length: -1\r\n\r\n",
            "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n",
            "no field\r\n\r\n",
            "\r\nversion: STSv1\r\ncut",
            &long,
            &format!("\r\n{}", "x".repeat(70_000)),
            &"X: y\r\n".repeat(200),
        ] {
            assert!(answered(text(bad)).is_err(), "{bad:.60}");
        }
        assert!(answered("220 mail.example.test ESMTP\r\n\r\n".to_owned()).is_err());
    }
}
