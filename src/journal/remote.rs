//! What is told of connections to other servers. Wording: Postfix' smtp.

use super::{Line, Tag, safe, safe_field};

/// Events of `remote::smtp`. What becomes of messages is told by the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteEvent {
    /// `Untrusted TLS connection established to mx.example.org[192.0.2.1]:25: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384`
    TlsUp {
        /// `mx.example.org[192.0.2.1]:25`
        peer: String,
        /// Its certificate was asked for and is good.
        verified: bool,
        /// `TLSv1.3`
        version: &'static str,
        /// Cipher suite.
        cipher: String,
    },
    /// `SSL_connect error to mx.example.org[192.0.2.1]:25: why`
    TlsFailed {
        /// The server.
        peer: String,
        /// In words.
        why: String,
    },
    /// A relay takes no login of ours: the administrator has to do something.
    LoginFailed {
        /// The server.
        peer: String,
        /// In words.
        why: String,
    },
    /// A policy of MTA-STS is not on the disk: a restart forgets it.
    PolicyNotKept {
        /// Whose.
        domain: String,
        /// In words.
        why: String,
    },
}

impl From<RemoteEvent> for Line {
    fn from(event: RemoteEvent) -> Line {
        match event {
            RemoteEvent::TlsUp { peer, verified, version, cipher } => {
                let word = if verified { "Verified" } else { "Untrusted" };
                let peer = safe_field(&peer, 300);
                Line::info(
                    Tag::Smtp,
                    format!("{word} TLS connection established to {peer}: {version} with cipher {cipher}"),
                )
            }
            RemoteEvent::TlsFailed { peer, why } => {
                Line::info(Tag::Smtp, format!("SSL_connect error to {}: {}", safe_field(&peer, 300), safe(&why, 300)))
            }
            RemoteEvent::LoginFailed { peer, why } => Line::warning(
                Tag::Smtp,
                format!("SASL authentication failed; server {}: {}", safe_field(&peer, 300), safe(&why, 300)),
            ),
            RemoteEvent::PolicyNotKept { domain, why } => Line::warning(
                Tag::Smtp,
                format!("the MTA-STS policy of {} is not kept on the disk: {}", safe(&domain, 260), safe(&why, 300)),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_told_as_postfix_tells_them() {
        let peer = || "mx.example.org[192.0.2.1]:25".to_owned();
        let up = RemoteEvent::TlsUp {
            peer: peer(),
            verified: false,
            version: "TLSv1.3",
            cipher: "TLS_AES_128_GCM_SHA256".into(),
        };
        assert_eq!(
            Line::from(up).text,
            "Untrusted TLS connection established to mx.example.org[192.0.2.1]:25: TLSv1.3 with cipher TLS_AES_128_GCM_SHA256"
        );
        let failed = RemoteEvent::LoginFailed { peer: peer(), why: "535 no\r\nx".into() };
        assert_eq!(
            Line::from(failed).text,
            "warning: SASL authentication failed; server mx.example.org[192.0.2.1]:25: 535 no\\u{d}\\u{a}x"
        );
    }
}
