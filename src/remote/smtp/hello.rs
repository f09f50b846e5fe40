//! From a name and an address to a session that takes mail: connect, greeting, EHLO, STARTTLS, EHLO again, login.

use std::{net::SocketAddr, sync::Arc};

use super::{
    Login, Means, Step, login,
    session::{Broken, Session, Why, answer},
    tape::Tape,
};
use crate::{
    journal::RemoteEvent,
    net::{Connector, Distrust, Trust},
    types::Answer,
    wire::smtp::{Command, Heard, Hello, Offered},
};

/// Whether a connection is encrypted.
#[derive(Clone, Debug)]
pub(super) enum Guard {
    /// Not at all.
    Never,
    /// Where it is offered (RFC 7435).
    Maybe(Trust),
    /// Nothing is said without it.
    Must(Trust),
    /// From the first octet (RFC 8314 s3.3).
    Implicit(Trust),
}

/// A server's door.
pub(super) struct Door<'a> {
    /// Its name, or its address where it has none.
    pub host: &'a str,
    pub at: SocketAddr,
    pub guard: Guard,
    pub lmtp: bool,
    pub login: Option<&'a Login>,
    /// Our own name, if a server of this name would be ourselves.
    pub not: Option<&'a str>,
}

impl Door<'_> {
    /// `mx.example.org[192.0.2.1]:25`
    pub fn peer(&self) -> String {
        format!("{}[{}]:{}", self.host, self.at.ip(), self.at.port())
    }
}

/// Why there is no session.
#[derive(Debug)]
pub(super) enum Closed {
    /// Nobody was reached, or the dialogue broke off, or the server said "not now".
    Now(Answer),
    /// The server takes no mail from us.
    Always(Answer),
    /// TLS was offered and failed; why, for reports (RFC 8460).
    Handshake(Answer, Option<Distrust>),
    /// It is needed and not offered.
    NoTls(Answer),
    /// It is this server itself.
    Ourselves(Answer),
}

/// Opens it.
pub(super) async fn open(means: &Arc<Means>, door: &Door<'_>, mut tape: Tape) -> Result<Session, Closed> {
    let peer = door.peer();
    tape.note(&format!("connect to {peer}"));
    let conn = match means.dialer.dial(door.at, means.patience.connect).await {
        Ok(conn) => conn,
        Err(error) => {
            let text = format!("connect to {peer}: {error}");
            tape.note(&text);
            return Err(Closed::Now(answer(means, &peer, 0, "4.4.1", &text)));
        }
    };
    let mut session = Session::new(means, conn, peer.into(), tape);
    session.lmtp = door.lmtp;
    match begin(&mut session, door).await {
        Ok(()) => Ok(session),
        Err(closed) => {
            // It may still hear a goodbye; nobody waits for its answer.
            means.dismiss(session);
            Err(closed)
        }
    }
}

async fn begin(session: &mut Session, door: &Door<'_>) -> Result<(), Closed> {
    if let Guard::Implicit(trust) = &door.guard {
        handshake(session, door.host, trust.clone()).await?;
    }
    let greeting = session.hear(Step::Greeting).await.map_err(|broken| now(session, &broken))?;
    welcome(session, &greeting)?;
    hello(session, door).await?;
    if let Some(trust) = wanted(session, &door.guard)? {
        starttls(session, door, trust).await?;
    }
    tell_tls(session, &door.guard);
    match door.login {
        Some(login) => login::log_in(session, login).await,
        None => Ok(()),
    }
}

fn tell_tls(session: &Session, guard: &Guard) {
    let Some(tls) = session.conn.tls() else { return };
    let verified = match guard {
        Guard::Must(trust) | Guard::Implicit(trust) => matches!(trust, Trust::Authorities(_) | Trust::Dane { .. }),
        Guard::Maybe(_) | Guard::Never => false,
    };
    let (peer, cipher) = (session.peer.to_string(), tls.cipher.clone());
    session.means.tell(RemoteEvent::TlsUp { peer, verified, version: tls.version, cipher });
}

fn now(session: &Session, broken: &Broken) -> Closed {
    Closed::Now(session.answer_to(broken))
}

/// A reply that opens a door, or closes it.
fn welcome(session: &Session, heard: &Heard) -> Result<(), Closed> {
    match heard.code {
        200..300 => Ok(()),
        500.. => Err(Closed::Always(session.answer(heard))),
        _ => Err(Closed::Now(session.answer(heard))),
    }
}

/// EHLO; HELO for servers that know no other (RFC 5321 s3.2). LHLO has no other (RFC 2033 s4.1).
async fn hello(session: &mut Session, door: &Door<'_>) -> Result<(), Closed> {
    let name = Hello::parse(session.means.settings.get().server_name.as_bytes());
    let Some(name) = name else {
        return Err(Closed::Now(session.answer_of(0, "4.3.5", "this server has no name: set server.name")));
    };
    let asked = if session.lmtp {
        lhlo(session, &name).await
    } else {
        session.ask(&Command::Ehlo(name.clone()), Step::Hello).await
    };
    let mut heard = asked.map_err(|broken| now(session, &broken))?;
    let knows_no_other = (500..600).contains(&heard.code) && heard.code != 521 && !session.lmtp;
    if knows_no_other && matches!(door.guard, Guard::Never | Guard::Maybe(_)) {
        heard = session.ask(&Command::Helo(name), Step::Hello).await.map_err(|broken| now(session, &broken))?;
    }
    welcome(session, &heard)?;
    session.offered = Offered::of(&heard);
    match door.not {
        Some(own) if session.offered.name.eq_ignore_ascii_case(own) => Err(Closed::Ourselves(ourselves(session, own))),
        Some(_) | None => Ok(()),
    }
}

/// RFC 2033 s4.1; no command of a server of ours.
async fn lhlo(session: &mut Session, name: &Hello) -> Result<Heard, Broken> {
    session.in_turn(Step::Hello)?;
    session.say_line(&format!("LHLO {}", name.as_str()));
    session.hear(Step::Hello).await
}

fn ourselves(session: &Session, own: &str) -> Answer {
    let text = format!(
        "mail loops back to this server: {} calls itself {own}, as we do; if the domain is ours, add it to the domains, else \
         its MX is wrong, or another server has our name",
        session.peer
    );
    session.answer_of(0, "5.4.6", &text)
}

/// Whether STARTTLS comes next, and whom to believe.
fn wanted(session: &Session, guard: &Guard) -> Result<Option<Trust>, Closed> {
    match guard {
        Guard::Never | Guard::Implicit(_) => Ok(None),
        Guard::Maybe(trust) => Ok(session.offered.starttls.then(|| trust.clone())),
        Guard::Must(trust) if session.offered.starttls => Ok(Some(trust.clone())),
        Guard::Must(_) => {
            let text = "TLS is required, but was not offered by host";
            Err(Closed::NoTls(session.answer_of(0, "4.7.4", &format!("{text} {}", session.peer))))
        }
    }
}

/// RFC 3207: what was said in plaintext counts for nothing any more, so EHLO comes again.
async fn starttls(session: &mut Session, door: &Door<'_>, trust: Trust) -> Result<(), Closed> {
    let heard = session.ask(&Command::Starttls, Step::Starttls).await.map_err(|broken| now(session, &broken))?;
    if heard.code != 220 {
        return match door.guard {
            Guard::Maybe(_) if !session.over => Ok(()),
            Guard::Never | Guard::Maybe(_) | Guard::Must(_) | Guard::Implicit(_) => {
                Err(Closed::NoTls(session.answer_of(0, "4.7.4", &format!("TLS is not available: {}", heard.words()))))
            }
        };
    }
    handshake(session, door.host, trust).await?;
    hello(session, door).await
}

async fn handshake(session: &mut Session, host: &str, trust: Trust) -> Result<(), Closed> {
    let limit = session.means.patience.handshake;
    let by_dane = matches!(trust, Trust::Dane { .. });
    let shaken = match Connector::new(trust) {
        Some(connector) => {
            let shaken = session.conn.begin_tls(&connector, host, limit).await;
            session.distrust = connector.distrust();
            shaken.map_err(|error| (Why::from(error), connector.distrust()))
        }
        None => Err((Why::Garbage("the TLS library does not start".to_owned()), None)),
    };
    if let Err((why, distrust)) = shaken {
        let text = match &why {
            Why::Socket(_) if by_dane && distrust.is_some() => format!(
                "TLS handshake failed: the certificate of {host} is not the one that its signed TLSA record in DNS names (DANE)"
            ),
            Why::Socket(error) => format!("TLS handshake failed: {error}"),
            Why::Lost | Why::Slow | Why::Garbage(_) => format!("TLS handshake failed: {why:?}"),
        };
        session.broken(Step::Starttls, why);
        let peer = session.peer.to_string();
        session.means.tell(RemoteEvent::TlsFailed { peer, why: text.clone() });
        return Err(Closed::Handshake(session.answer_of(0, "4.7.5", &text), distrust));
    }
    let agreed = session.conn.tls().map(|tls| format!("{} with cipher {}", tls.version, tls.cipher));
    session.tape.note(&format!("TLS is up: {}", agreed.unwrap_or_default()));
    Ok(())
}
