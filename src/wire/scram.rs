//! SCRAM-SHA-256 (RFC 5802, 7677): the four messages in both directions, and the keys behind them.
//!
//! Must not know: who has which credential and how it is kept (`types::Credential` has its text), how often somebody may
//! try, base64 lines of a protocol (`wire::sasl`).
//! No channel binding: `p=` is refused and `-PLUS` is never offered.

use std::{borrow::Cow, num::NonZeroU32};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    digest, hmac, pbkdf2,
    rand::{SecureRandom, SystemRandom},
};

use crate::types::Credential;

/// The mechanism's name (RFC 7677 s3).
pub const NAME: &str = "SCRAM-SHA-256";
/// Octets of a salt of ours.
pub const SALT: usize = 16;
/// Octets of one message; names are short and nonces too.
const MAX_MESSAGE: usize = 4096;

/// Why a message is no SCRAM that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramError {
    /// Not the grammar of RFC 5802 s7.
    Malformed,
    /// `p=`: channel binding, which we never offered.
    ChannelBinding,
    /// `m=`: an extension that must be understood.
    Extension,
}

/// `N` octets nobody can guess: a salt, a nonce, a key. None when the system has no randomness.
pub fn random<const N: usize>() -> Option<[u8; N]> {
    let mut out = [0; N];
    SystemRandom::new().fill(&mut out).ok().map(|()| out)
}

/// A nonce: 18 random octets as 24 printable characters without a comma (RFC 5802 s5.1).
pub fn nonce() -> Option<String> {
    random::<18>().map(|bytes| STANDARD.encode(bytes))
}

// Keys.

/// What a new password must be; the error is a sentence for a person. Anything is let in that a client can say again.
pub fn check_password(password: &str) -> Result<(), &'static str> {
    if prepare(password).is_empty() {
        return Err("the password is empty");
    }
    if password.len() > 255 {
        return Err("the password is longer than 255 octets");
    }
    if password.chars().any(char::is_control) {
        return Err("the password has a control character, which mail clients cannot send");
    }
    Ok(())
}

/// SASLprep (RFC 4013) as far as it goes without Unicode tables: other spaces become a space (s2.1), what is "mapped to
/// nothing" goes. ASCII passes as it is. Not done: NFKC, so that a composed and a decomposed letter are two passwords.
fn prepare(password: &str) -> Cow<'_, str> {
    if password.is_ascii() {
        return Cow::Borrowed(password);
    }
    let mapped = password.chars().filter_map(|c| match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}' => None,
        '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' => None,
        _ => Some(c),
    });
    Cow::Owned(mapped.collect())
}

/// SaltedPassword (RFC 5802 s3): what a client keeps of a password; slow by intent (22 ms at 100,000 rounds).
pub struct Salted([u8; 32]);

impl Salted {
    /// PBKDF2-HMAC-SHA-256. Zero rounds count as one.
    pub fn new(password: &str, salt: &[u8], iterations: u32) -> Self {
        let rounds = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
        let mut out = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, prepare(password).as_bytes(), &mut out);
        Salted(out)
    }

    fn client_key(&self) -> [u8; 32] {
        hmac_sha256(&self.0, b"Client Key")
    }

    fn server_key(&self) -> [u8; 32] {
        hmac_sha256(&self.0, b"Server Key")
    }

    /// ClientProof of client-final.
    pub fn proof(&self, auth_message: &str) -> [u8; 32] {
        let key = self.client_key();
        xor(&key, &hmac_sha256(&sha256(&key), auth_message.as_bytes()))
    }

    /// ServerSignature that server-final must show.
    pub fn server_signature(&self, auth_message: &str) -> [u8; 32] {
        hmac_sha256(&self.server_key(), auth_message.as_bytes())
    }
}

/// The credential of a password. Blocks for the time of the hash: call it on a worker thread.
pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Credential {
    let salted = Salted::new(password, salt, iterations);
    Credential {
        salt: salt.to_vec(),
        iterations,
        stored_key: sha256(&salted.client_key()),
        server_key: salted.server_key(),
    }
}

/// Whether this is the password of the credential. Blocks as [`derive`] does, as long for a wrong one as for a right one.
pub fn verify_password(credential: &Credential, password: &str) -> bool {
    let made = derive(password, &credential.salt, credential.iterations);
    same(&made.stored_key, &credential.stored_key)
}

/// Whether the client that sent `proof` knows the password (RFC 5802 s3). Quick: three HMACs.
pub fn verify_proof(credential: &Credential, auth_message: &str, proof: &[u8; 32]) -> bool {
    let client_key = xor(proof, &hmac_sha256(&credential.stored_key, auth_message.as_bytes()));
    same(&sha256(&client_key), &credential.stored_key)
}

/// ServerSignature: shows the client that we know it too.
pub fn server_signature(credential: &Credential, auth_message: &str) -> [u8; 32] {
    hmac_sha256(&credential.server_key, auth_message.as_bytes())
}

/// AuthMessage (RFC 5802 s3), from the three texts exactly as they passed over the wire.
pub fn auth_message(client_first_bare: &str, server_first: &str, client_final_without_proof: &str) -> String {
    format!("{client_first_bare},{server_first},{client_final_without_proof}")
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
    array(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    array(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn array(bytes: &[u8]) -> [u8; 32] {
    std::array::from_fn(|n| bytes.get(n).copied().unwrap_or(0))
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|n| a[n] ^ b[n])
}

/// Compares without telling by its time where the first difference is.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let difference = xor(a, b).iter().fold(0, |sum, bit| std::hint::black_box(sum | bit));
    difference == 0
}

// The messages.

fn key(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

fn rounds(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|n| plain && (1..=Credential::MAX_ITERATIONS).contains(n))
}

/// client-first-message (RFC 5802 s7). Its texts are kept as they came, because both sides sign them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirst {
    /// Who to be, if not the one who logs in.
    pub authzid: Option<String>,
    /// Who logs in.
    pub user: String,
    /// The client's half of the nonce.
    pub nonce: String,
    gs2: String,
    bare: String,
}

impl ClientFirst {
    /// What a client without channel binding says.
    pub fn new(user: &str, nonce: &str) -> Self {
        let bare = format!("n={},r={nonce}", escape(user));
        ClientFirst { authzid: None, user: user.to_owned(), nonce: nonce.to_owned(), gs2: "n,,".into(), bare }
    }

    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, ScramError> {
        let text = text(bytes)?;
        let mut parts = text.splitn(3, ',');
        let (flag, authzid) = (parts.next(), parts.next().ok_or(ScramError::Malformed)?);
        let bare = parts.next().ok_or(ScramError::Malformed)?;
        match flag {
            Some("n" | "y") => {}
            Some(f) if f.starts_with("p=") => return Err(ScramError::ChannelBinding),
            _ => return Err(ScramError::Malformed),
        }
        let authzid = match authzid {
            "" => None,
            named => Some(unescape(attribute(named, "a=")?)?),
        };
        let gs2 = text[..text.len() - bare.len()].to_owned();
        let mut fields = bare.split(',');
        let user = unescape(attribute(fields.next().unwrap_or(""), "n=")?)?;
        let nonce = attribute(fields.next().unwrap_or(""), "r=").and_then(printable)?;
        Ok(ClientFirst { authzid, user, nonce: nonce.to_owned(), gs2, bare: bare.to_owned() })
    }

    /// As it goes over the wire.
    pub fn write(&self) -> String {
        format!("{}{}", self.gs2, self.bare)
    }

    /// client-first-message-bare, which is signed.
    pub fn bare(&self) -> &str {
        &self.bare
    }

    /// The gs2 header, which client-final repeats in `c=`.
    pub fn gs2(&self) -> &str {
        &self.gs2
    }
}

/// server-first-message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFirst {
    /// The client's nonce with the server's behind it.
    pub nonce: String,
    /// Salt of the credential.
    pub salt: Vec<u8>,
    /// PBKDF2 rounds.
    pub iterations: u32,
}

impl ServerFirst {
    /// Reads one. A server that asks for more than [`Credential::MAX_ITERATIONS`] is refused: it may be a thief of time.
    pub fn parse(bytes: &[u8]) -> Result<Self, ScramError> {
        let mut fields = text(bytes)?.split(',');
        let mut next = |name| attribute(fields.next().unwrap_or(""), name);
        let nonce = next("r=").and_then(printable)?.to_owned();
        let salt = STANDARD.decode(next("s=")?).map_err(|_| ScramError::Malformed)?;
        let iterations = rounds(next("i=")?).ok_or(ScramError::Malformed)?;
        Ok(ServerFirst { nonce, salt, iterations })
    }

    /// As it goes over the wire.
    pub fn write(&self) -> String {
        format!("r={},s={},i={}", self.nonce, STANDARD.encode(&self.salt), self.iterations)
    }
}

/// client-final-message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFinal {
    /// The gs2 header again.
    pub gs2: String,
    /// Both nonces.
    pub nonce: String,
    /// ClientProof.
    pub proof: [u8; 32],
    without_proof: String,
}

impl ClientFinal {
    /// client-final-message-without-proof: signed first, then sent with the proof.
    pub fn without_proof_of(gs2: &str, nonce: &str) -> String {
        format!("c={},r={nonce}", STANDARD.encode(gs2))
    }

    /// What a client says.
    pub fn new(gs2: &str, nonce: &str, proof: [u8; 32]) -> Self {
        let without_proof = Self::without_proof_of(gs2, nonce);
        ClientFinal { gs2: gs2.to_owned(), nonce: nonce.to_owned(), proof, without_proof }
    }

    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, ScramError> {
        let text = text(bytes)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(ScramError::Malformed)?;
        let proof = key(proof).ok_or(ScramError::Malformed)?;
        let mut fields = without_proof.split(',');
        let gs2 = STANDARD.decode(attribute(fields.next().unwrap_or(""), "c=")?).map_err(|_| ScramError::Malformed)?;
        let gs2 = String::from_utf8(gs2).map_err(|_| ScramError::Malformed)?;
        let nonce = attribute(fields.next().unwrap_or(""), "r=").and_then(printable)?.to_owned();
        Ok(ClientFinal { gs2, nonce, proof, without_proof: without_proof.to_owned() })
    }

    /// As it goes over the wire.
    pub fn write(&self) -> String {
        format!("{},p={}", self.without_proof, STANDARD.encode(self.proof))
    }

    /// The part that is signed.
    pub fn without_proof(&self) -> &str {
        &self.without_proof
    }
}

/// server-final-message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFinal {
    /// `v=`: ServerSignature.
    Verifier([u8; 32]),
    /// `e=`: why not.
    Error(String),
}

impl ServerFinal {
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Self, ScramError> {
        let first = text(bytes)?.split(',').next().unwrap_or("");
        match (attribute(first, "v="), attribute(first, "e=")) {
            (Ok(v), _) => key(v).map(ServerFinal::Verifier).ok_or(ScramError::Malformed),
            (_, Ok(e)) => Ok(ServerFinal::Error(e.to_owned())),
            (Err(why), Err(_)) => Err(why),
        }
    }

    /// As it goes over the wire.
    pub fn write(&self) -> String {
        match self {
            ServerFinal::Verifier(v) => format!("v={}", STANDARD.encode(v)),
            ServerFinal::Error(e) => format!("e={e}"),
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, ScramError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ScramError::Malformed)?;
    if text.len() > MAX_MESSAGE || text.contains('\0') {
        return Err(ScramError::Malformed);
    }
    if text.starts_with("m=") || text.contains(",m=") {
        return Err(ScramError::Extension);
    }
    Ok(text)
}

fn attribute<'a>(field: &'a str, name: &str) -> Result<&'a str, ScramError> {
    field.strip_prefix(name).filter(|value| !value.is_empty()).ok_or(ScramError::Malformed)
}

fn printable(value: &str) -> Result<&str, ScramError> {
    if value.bytes().all(|b| b.is_ascii_graphic()) { Ok(value) } else { Err(ScramError::Malformed) }
}

/// saslname (RFC 5802 s5.1): a comma and an equals sign are written as codes.
fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn unescape(name: &str) -> Result<String, ScramError> {
    let mut parts = name.split('=');
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        let (c, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            (None, None) => return Err(ScramError::Malformed),
        };
        out.push(c);
        out.push_str(rest);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn speaks_the_example_of_rfc_7677_on_both_sides() {
        let first = ClientFirst::new("user", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(first.write(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let server = ServerFirst::parse(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(server.write(), SERVER_FIRST);
        let salted = Salted::new("pencil", &server.salt, server.iterations);
        let without = ClientFinal::without_proof_of("n,,", &server.nonce);
        let message = auth_message(first.bare(), SERVER_FIRST, &without);
        let last = ClientFinal::new("n,,", &server.nonce, salted.proof(&message));
        let want = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(last.write(), want);
        assert_eq!(ClientFinal::parse(want.as_bytes()), Ok(last.clone()));

        let credential = derive("pencil", &server.salt, server.iterations);
        assert!(verify_proof(&credential, &message, &last.proof));
        assert!(!verify_proof(&derive("pencils", &server.salt, 4096), &message, &last.proof));
        let signature = server_signature(&credential, &message);
        assert_eq!(signature, salted.server_signature(&message));
        let end = ServerFinal::Verifier(signature).write();
        assert_eq!(end, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        assert_eq!(ServerFinal::parse(end.as_bytes()), Ok(ServerFinal::Verifier(signature)));
    }

    #[test]
    fn a_credential_knows_its_password() {
        let credential = derive("ann-pass-1", &random::<SALT>().unwrap(), 1000);
        assert!(verify_password(&credential, "ann-pass-1"));
        assert!(!verify_password(&credential, "ann-pass-2"));
        assert!(!verify_password(&credential, ""));
    }

    #[test]
    fn reads_names_with_commas_and_equals_signs() {
        let first = ClientFirst::new("a,b=c", "xyz");
        assert_eq!(first.write(), "n,,n=a=2Cb=3Dc,r=xyz");
        assert_eq!(ClientFirst::parse(first.write().as_bytes()), Ok(first));
        let with = ClientFirst::parse(b"y,a=boss,n=ann,r=xyz,ext=1").unwrap();
        assert_eq!(
            (with.authzid.as_deref(), with.gs2(), with.bare()),
            (Some("boss"), "y,a=boss,", "n=ann,r=xyz,ext=1")
        );
    }

    #[test]
    fn refuses_binding_extensions_and_broken_grammar() {
        assert_eq!(ClientFirst::parse(b"p=tls-exporter,,n=u,r=x"), Err(ScramError::ChannelBinding));
        assert_eq!(ClientFirst::parse(b"n,,m=1,n=u,r=x"), Err(ScramError::Extension));
        for bad in [
            &b""[..],
            b"n",
            b"n,",
            b"n,,",
            b"n,,n=,r=x",
            b"n,,n=u",
            b"n,,n=u,r=",
            b"n,,r=x,n=u",
            b"n,,n=a=2,r=x",
            b"n,,n=\xff,r=x",
            b"z,,n=u,r=x",
            b"n,b=x,n=u,r=x",
            b"n,,n=u,r=\x01",
            b"n,,n=u\0,r=x",
        ] {
            assert_eq!(ClientFirst::parse(bad), Err(ScramError::Malformed), "{bad:?}");
        }
        for bad in [&b"c=biws,r=x"[..], b"c=biws,r=x,p=AAAA", b"c=!,r=x,p=AAAA", b",p=", b""] {
            assert_eq!(ClientFinal::parse(bad), Err(ScramError::Malformed), "{bad:?}");
        }
        for bad in [&b"r=x,s=AAAA,i=0"[..], b"r=x,s=AAAA,i=99999999", b"r=x,s=!,i=1", b"r=x", b""] {
            assert_eq!(ServerFirst::parse(bad), Err(ScramError::Malformed), "{bad:?}");
        }
        assert_eq!(ServerFinal::parse(b"e=other-error"), Ok(ServerFinal::Error("other-error".into())));
        assert_eq!(ServerFinal::parse(b"x=1"), Err(ScramError::Malformed));
    }

    #[test]
    fn invisible_letters_and_other_spaces_do_not_change_a_password() {
        assert_eq!(prepare("\u{43f}\u{a0}\u{ad}x"), "\u{43f} x");
        assert_eq!(check_password("\u{200b}"), Err("the password is empty"));
        assert!(check_password("a\tb").is_err() && check_password(&"x".repeat(256)).is_err());
        assert_eq!(check_password("\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c} 1"), Ok(()));
    }
}
