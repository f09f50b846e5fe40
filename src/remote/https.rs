//! Files of others over HTTPS: the policies of MTA-STS (RFC 8461 s3.3). The one place that names ureq.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::sts::Fetch;
use crate::{limits, net, rt::Worker};

/// Fetches on a thread of its own, since ureq blocks.
pub struct Https(Worker);

impl Https {
    /// Starts the thread `fetch`.
    pub fn start() -> std::io::Result<Self> {
        Worker::start("fetch", 1, 16).map(Https)
    }
}

impl Fetch for Https {
    fn get<'a>(&'a self, domain: &'a str) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>> {
        let url = format!("https://mta-sts.{domain}/.well-known/mta-sts.txt");
        Box::pin(async move {
            self.0.run(move || text_of(&url)).await.unwrap_or_else(|_| Err("the thread broke off".to_owned()))
        })
    }
}

/// RFC 8461 s3.3: a good certificate, 200, text/plain, no way to somewhere else.
fn text_of(url: &str) -> Result<Vec<u8>, String> {
    let mut response = agent().get(url).call().map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("the server says {}", response.status()));
    }
    if response.body().mime_type() != Some("text/plain") {
        return Err("it is no text/plain".to_owned());
    }
    let body = response.body_mut().with_config().limit(limits::STS_OCTETS);
    body.read_to_vec().map_err(|error| error.to_string())
}

fn agent() -> Agent {
    let roots = net::system_certificates().iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(net::tls_provider())
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .https_only(true)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(limits::STS_SECS)))
        .user_agent("gatepost");
    config.build().into()
}
