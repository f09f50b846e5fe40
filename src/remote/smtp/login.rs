//! AUTH at a relay (RFC 4954; B13-B15). A password is said only over TLS or in a private network, in SCRAM never.

use super::{
    Login, Step,
    hello::Closed,
    session::{Broken, Session},
};
use crate::{
    journal::RemoteEvent,
    limits,
    remote::Who,
    wire::{
        sasl::{self, Plain},
        scram::{self, ClientFinal, ClientFirst, Salted, ServerFinal, ServerFirst},
        smtp::{Command, Heard},
    },
};

/// A refused login is no fault of the message: it waits, and the administrator is told.
pub(super) async fn log_in(session: &mut Session, login: &Login) -> Result<(), Closed> {
    let offers = |session: &Session, name: &str| session.offered.auth.iter().any(|m| m == name);
    let clear = session.conn.tls().is_some() || is_private(session);
    let heard = if offers(session, "SCRAM-SHA-256") {
        return scram(session, login).await;
    } else if !clear && !session.offered.auth.is_empty() {
        return Err(no(
            session,
            "4.7.11",
            "the relay offers no TLS: a password is not sent through the Internet in plaintext",
        ));
    } else if offers(session, "PLAIN") {
        plain(session, login).await
    } else if offers(session, "LOGIN") {
        by_prompts(session, login).await
    } else {
        return Err(no(session, "4.7.0", "the relay offers no login that we know (SCRAM-SHA-256, PLAIN, LOGIN)"));
    };
    let heard = heard.map_err(|broken| Closed::Now(session.answer_to(&broken)))?;
    done(session, &heard)
}

fn is_private(session: &Session) -> bool {
    match session.conn.peer().ip() {
        std::net::IpAddr::V4(ip) => ip.is_private() || ip.is_loopback(),
        std::net::IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    }
}

fn no(session: &Session, status: &str, text: &str) -> Closed {
    let (peer, why) = (session.peer.to_string(), text.to_owned());
    session.means.tell(RemoteEvent::LoginFailed { peer, why });
    Closed::Now(session.answer_of(0, status, text))
}

fn done(session: &Session, heard: &Heard) -> Result<(), Closed> {
    if heard.code == 235 {
        return Ok(());
    }
    let text = format!("the relay refuses our login: {} {}", heard.code, heard.words());
    Err(no(session, "4.7.8", &text))
}

fn password(login: &Login) -> String {
    String::from_utf8_lossy(&login.password.0).into_owned()
}

async fn plain(session: &mut Session, login: &Login) -> Result<Heard, Broken> {
    let message = Plain { authzid: String::new(), authcid: login.name.clone(), password: password(login) };
    let initial = sasl::write_initial(&message.write()).into_bytes();
    session.ask(&Command::Auth { mechanism: "PLAIN".to_owned(), initial: Some(initial) }, Step::Login).await
}

/// The mechanism LOGIN: the name, then the password.
async fn by_prompts(session: &mut Session, login: &Login) -> Result<Heard, Broken> {
    let mut heard = session.ask(&Command::Auth { mechanism: "LOGIN".to_owned(), initial: None }, Step::Login).await?;
    for secret in [login.name.clone().into_bytes(), login.password.0.clone()] {
        if heard.code != 334 {
            break;
        }
        heard = respond(session, &secret).await?;
    }
    Ok(heard)
}

async fn respond(session: &mut Session, octets: &[u8]) -> Result<Heard, Broken> {
    session.in_turn(Step::Login)?;
    session.conn.put(sasl::write_challenge(octets).as_bytes());
    session.conn.put(b"\r\n");
    session.tape.say(Who::We, "...");
    session.hear(Step::Login).await
}

/// RFC 5802, and the server must know the password too.
async fn scram(session: &mut Session, login: &Login) -> Result<(), Closed> {
    let Some(nonce) = scram::nonce() else {
        return Err(no(session, "4.3.0", "the system gives no random numbers"));
    };
    let first = ClientFirst::new(&login.name, &nonce);
    let initial = Some(sasl::write_initial(first.write().as_bytes()).into_bytes());
    let command = Command::Auth { mechanism: "SCRAM-SHA-256".to_owned(), initial };
    let heard = session.ask(&command, Step::Login).await.map_err(|b| Closed::Now(session.answer_to(&b)))?;
    if heard.code != 334 {
        return done(session, &heard);
    }
    let Some(server) = challenge(&heard).and_then(|octets| ServerFirst::parse(&octets).ok()) else {
        return Err(no(session, "4.7.0", "the relay's SCRAM is malformed"));
    };
    if !server.nonce.starts_with(&nonce) || server.iterations > limits::SCRAM_ITERATIONS {
        return Err(no(session, "4.7.0", "the relay's SCRAM has a false nonce, or more rounds than anybody needs"));
    }
    let (secret, salt, rounds) = (password(login), server.salt.clone(), server.iterations);
    let hashed = session.means.worker.run(move || Salted::new(&secret, &salt, rounds)).await;
    let Ok(salted) = hashed else { return Err(no(session, "4.3.0", "the password could not be hashed")) };
    let bare = ClientFinal::without_proof_of(first.gs2(), &server.nonce);
    let message = scram::auth_message(first.bare(), &server.write(), &bare);
    let last = ClientFinal::new(first.gs2(), &server.nonce, salted.proof(&message));
    let mut heard = respond(session, last.write().as_bytes()).await.map_err(|b| Closed::Now(session.answer_to(&b)))?;
    if heard.code == 334 {
        let expected = ServerFinal::Verifier(salted.server_signature(&message)).write();
        if challenge(&heard).as_deref() != Some(expected.as_bytes()) {
            return Err(no(session, "4.7.0", "the relay does not know our password: it is another server"));
        }
        heard = respond(session, b"").await.map_err(|b| Closed::Now(session.answer_to(&b)))?;
    }
    done(session, &heard)
}

fn challenge(heard: &Heard) -> Option<Vec<u8>> {
    sasl::parse_initial(heard.words().trim().as_bytes()).ok()
}
