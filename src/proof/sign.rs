//! Signatures on a message that leaves (RFC 6376). The stored bytes stay as they are: the fields stand in front of what is sent.

use std::{io, sync::Arc};

use mail_auth::{
    common::crypto::{Algorithm, DkimKey, Sha256, SigningKey},
    common::headers::{HeaderWriter, Writable},
    dkim::{Canonicalization, DkimSigner, DkimSigningStream},
};

use super::keyring::{Keyring, Ready};
use crate::{
    limits, mime,
    types::{Address, BodyReader, Domain},
};

/// Octets read at a time.
const PIECE: usize = 64 * 1024;

/// Fields that are signed where they are there (RFC 6376 s5.4.1).
const FIELDS: &[&str] = &[
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];
/// Signed once more than they are there, so that a second one put in on the way breaks the signature (RFC 6376 s8.15).
const OVERSIGNED: &[&str] = &["From", "Subject", "Date", "To"];

/// What stands in front of the message when it leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signed {
    /// `DKIM-Signature` fields; empty where no key of ours may speak for the author.
    pub fields: Vec<u8>,
    /// `d=` of them, for the journal.
    pub domain: Option<Domain>,
}

/// Signs what follows after the first `skip` octets (the Return-Path that only local readers see) for the domain of `From:`.
/// An error is the disk's, or the key's; the message may then leave unsigned or wait, as the caller decides.
pub async fn sign(keys: &Keyring, body: &dyn BodyReader, skip: u64) -> io::Result<Signed> {
    let section = section(body, skip).await?;
    let Some((domain, ready)) = author(&section).and_then(|author| keys.signer(&author)) else {
        return Ok(Signed::default());
    };
    let names = signed_fields(&section);
    let signers: Vec<_> = ready.iter().map(|ready| signer(ready, domain, &names)).collect();
    let mut streams: Vec<_> = signers.iter().map(DkimSigner::sign_streaming).collect();
    feed(body, skip, &mut streams).await?;
    let mut fields = Vec::new();
    for stream in streams {
        let signature = stream.finish().map_err(io::Error::other)?;
        fields.extend_from_slice(signature.to_header().as_bytes());
    }
    Ok(Signed { fields, domain: Some(domain.clone()) })
}

type Stream<'a> = DkimSigningStream<'a, Held>;

async fn feed(body: &dyn BodyReader, skip: u64, streams: &mut [Stream<'_>]) -> io::Result<()> {
    let mut at = skip;
    loop {
        let piece = body.read(at, PIECE).await?;
        if piece.is_empty() {
            return Ok(());
        }
        at += piece.len() as u64;
        streams.iter_mut().for_each(|stream| stream.write(&piece));
        // Hashing is work: others run between two pieces.
        smol::future::yield_now().await;
    }
}

/// The header section behind `skip`, as far as the cap of what we take in reaches (and what we stamped on it).
async fn section(body: &dyn BodyReader, skip: u64) -> io::Result<Vec<u8>> {
    let mut section = Vec::new();
    loop {
        let piece = body.read(skip + section.len() as u64, PIECE).await?;
        section.extend_from_slice(&piece);
        if let Some(end) = mime::header_end(&section) {
            section.truncate(end);
            return Ok(section);
        }
        if piece.is_empty() || section.len() > 2 * limits::HEADER_SECTION {
            return Ok(section);
        }
    }
}

/// The domain of the only author. Several are signed for by nobody: receivers that check DMARC refuse them (RFC 7489 s6.6.1).
fn author(section: &[u8]) -> Option<Domain> {
    let mut found = mime::fields(section).filter(|field| field.is("from"));
    let field = found.next()?;
    if found.next().is_some() {
        return None;
    }
    match mime::people(field.value).as_slice() {
        [only] => Address::parse(&only.address).ok().map(|address| address.domain),
        _ => None,
    }
}

/// The names for `h=`: those that are there, and the oversigned ones once more.
fn signed_fields(section: &[u8]) -> Vec<&'static str> {
    let is_there = |name: &str| mime::fields(section).any(|field| field.is(name));
    let there = FIELDS.iter().copied().filter(|name| is_there(name));
    there.chain(OVERSIGNED.iter().copied()).collect()
}

fn signer(ready: &Ready, domain: &Domain, names: &[&'static str]) -> DkimSigner<Held, mail_auth::dkim::Done> {
    DkimSigner::from_key(Held(ready.key.clone()))
        .domain(domain.as_str())
        .selector(ready.selector.as_str())
        .headers(names.iter().copied())
        .header_canonicalization(Canonicalization::Relaxed)
        .body_canonicalization(Canonicalization::Relaxed)
}

/// A key that several signatures share.
struct Held(Arc<DkimKey>);

impl SigningKey for Held {
    type Hasher = Sha256;

    fn sign(&self, input: impl Writable) -> mail_auth::Result<Vec<u8>> {
        self.0.sign(input)
    }

    fn algorithm(&self) -> Algorithm {
        self.0.algorithm()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        proof::{DomainKey, KeyKind, KeyPair, Stage},
        types::{BytesBody, UnixTime},
    };

    fn office() -> Keyring {
        let key = |kind: KeyKind| DomainKey {
            domain: Domain::parse("office.test").unwrap(),
            selector: kind.word().to_owned(),
            pair: KeyPair::make(kind).unwrap(),
            made: UnixTime(0),
            stage: Stage::Signing,
        };
        Keyring::new([key(KeyKind::Ed25519)]).0
    }

    fn signed(message: &str, skip: u64) -> String {
        let body = BytesBody(message.as_bytes().to_vec());
        let signed = smol::block_on(sign(&office(), &body, skip)).unwrap();
        assert_eq!(signed.domain.is_some(), !signed.fields.is_empty());
        String::from_utf8(signed.fields).unwrap()
    }

    /// The value of a tag, without folding.
    fn tag(field: &str, name: &str) -> String {
        let flat: String = field.split_whitespace().collect();
        let found = flat.split(';').find_map(|tag| tag.split_once(':').map_or(tag, |(_, t)| t).strip_prefix(name));
        found.or_else(|| flat.split(';').find_map(|tag| tag.strip_prefix(name))).unwrap_or_default().to_owned()
    }

    #[test]
    fn a_message_of_ours_is_signed_with_what_is_there_and_from_once_more() {
        let field = signed("From: Ann <ann@office.test>\r\nSubject: x\r\n\r\nbody\r\n", 0);
        assert!(field.starts_with("DKIM-Signature: ") && field.ends_with("\r\n"), "{field}");
        assert_eq!((tag(&field, "d=").as_str(), tag(&field, "s=").as_str()), ("office.test", "ed25519"));
        let names = tag(&field, "h=").to_ascii_lowercase();
        assert_eq!(names.split(':').filter(|name| *name == "from").count(), 2, "{names}");
        assert!(!names.contains("reply-to") && !names.contains("received"), "{names}");
        // Every line that leaves ends in CRLF and is short (RFC 5322 s2.1.1).
        assert!(field.split("\r\n").all(|line| line.len() < 100 && !line.contains(['\r', '\n'])), "{field}");
    }

    #[test]
    fn what_only_local_readers_see_is_not_signed() {
        let path = "Return-Path: <ann@office.test>\r\n";
        let message = "From: ann@office.test\r\n\r\nbody\r\n";
        let hash = |field: &str| tag(field, "bh=");
        let with = signed(&format!("{path}{message}"), path.len() as u64);
        assert_eq!(hash(&with), hash(&signed(message, 0)));
        assert_eq!(tag(&with, "h="), tag(&signed(message, 0), "h="));
    }

    #[test]
    fn nobody_signs_for_a_stranger_for_two_authors_or_for_none() {
        for from in ["From: x@else.test\r\n", "", "From: a@office.test, b@office.test\r\n", "From: <>\r\n"] {
            assert_eq!(signed(&format!("{from}To: y@z.test\r\n\r\nbody\r\n"), 0), "", "{from}");
        }
        assert_eq!(signed("From: a@office.test\r\nFrom: x@else.test\r\n\r\nbody\r\n", 0), "");
        assert_eq!(signed("", 0), "");
    }

    #[test]
    fn a_body_in_many_pieces_has_one_hash() {
        let message = format!("From: ann@office.test\r\n\r\n{}", "line of text\r\n".repeat(20_000));
        assert_eq!(tag(&signed(&message, 0), "bh="), tag(&signed(&message, 0), "bh="));
        assert_ne!(tag(&signed(&message, 0), "bh="), tag(&signed(&format!("{message}x\r\n"), 0), "bh="));
    }
}
