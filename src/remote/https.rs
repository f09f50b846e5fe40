//! Files of others over HTTPS: the policies of MTA-STS (RFC 8461 s3.3). The one place that names ureq.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::sts::Fetch;
use crate::{
    limits, net,
    rt::{Turns, Worker, timeout},
};

/// In which a policy must come (RFC 8461 s3.3: a minute).
const SLOW: Duration = Duration::from_secs(limits::STS_SECS);
/// In which its server must be reached: where port 443 is closed to us, others wait behind it.
const REACHED: Duration = Duration::from_secs(10);

/// Fetches on a thread that ends with the fetch, since ureq blocks: one at a time, and none while nothing is asked for.
#[derive(Default)]
pub struct Https(Turns<()>);

impl Fetch for Https {
    fn get<'a>(&'a self, domain: &'a str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>> {
        let url = format!("https://mta-sts.{domain}/.well-known/mta-sts.txt");
        Box::pin(async move {
            let fetching = async {
                let _turn = self.0.lock().await;
                let worker = Worker::start("fetch", 1, 1).map_err(|error| error.to_string())?;
                let fetched = worker.run(move || text_of(&url, &net::system_certificates())).await;
                fetched.unwrap_or_else(|_| Err("the thread broke off".to_owned()))
            };
            // Others may be before it, and the mail waits.
            timeout(SLOW, fetching).await.unwrap_or_else(|| Err("nothing came in time".to_owned()))
        })
    }
}

/// RFC 8461 s3.3: a good certificate, 200, text/plain, no way to somewhere else.
fn text_of(url: &str, authorities: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let mut response = agent(authorities).get(url).call().map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("the server says {}", response.status()));
    }
    if response.body().mime_type() != Some("text/plain") {
        return Err("it is no text/plain".to_owned());
    }
    let body = response.body_mut().with_config().limit(limits::STS_OCTETS);
    body.read_to_vec().map_err(|error| error.to_string())
}

fn agent(authorities: &[Vec<u8>]) -> Agent {
    let roots = authorities.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(net::tls_provider())
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .https_only(true)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(SLOW / 2))
        .timeout_connect(Some(REACHED))
        .user_agent("gatepost");
    config.build().into()
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

    /// A web server for one request; gives its port and its certificate.
    fn serve(answer: String) -> (u16, Vec<u8>) {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let names = ["localhost".to_owned()];
        let (chain, key) = Identity::self_signed(&names, UnixTime(i64::try_from(now).unwrap())).unwrap();
        let identity = Identity::from_pem(&chain, &key).unwrap();
        let acceptor = Acceptor::new(&identity, Tickets::None).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (socket, _) = listener.accept().unwrap();
            block_on(async {
                let mut conn = Conn::plain(async_io::Async::new(socket).unwrap()).unwrap();
                if conn.starttls(&acceptor, SOON).await.is_err() {
                    return;
                }
                while conn.line(4096, SOON).await.is_ok_and(|(line, _)| !line.is_empty()) {}
                conn.put(answer.as_bytes());
                conn.close(SOON).await;
            });
        });
        let base64: String = chain.lines().take_while(|line| !line.starts_with("-----END")).skip(1).collect();
        (port, crate::wire::sasl::parse_initial(base64.as_bytes()).unwrap())
    }

    fn fetched(head: &str, body: &str) -> Result<String, String> {
        let (port, certificate) = serve(format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        let url = format!("https://localhost:{port}/.well-known/mta-sts.txt");
        text_of(&url, &[certificate]).map(|text| String::from_utf8(text).unwrap())
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
        let (port, _) = serve("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx".into());
        let (_, other) = serve(String::new());
        assert!(text_of(&format!("https://localhost:{port}/"), &[other]).is_err());
    }
}
