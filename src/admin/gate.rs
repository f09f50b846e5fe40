//! The way from `listen`'s front to tiny_http: a socket of its own, a secret made at each start, and the fields in which the
//! front says who asks.
//!
//! Why a secret beside a 0600 socket: the front is the only program that may say "this comes from a local user, give it every
//! right". Should a request ever be smuggled behind another one, it lacks the secret and is refused, whatever its fields claim.

use std::{
    future::Future,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use super::secret;
use crate::limits;

/// The socket's name in the state directory.
const INNER: &str = "http.sock";

/// Proves that the front asks.
pub const GATE: &str = "X-Gatepost-Gate";
/// The client's address; only from the network.
pub const PEER: &str = "X-Gatepost-Peer";
/// `1` where the client came over TLS; only from the network.
pub const TLS: &str = "X-Gatepost-Tls";
/// The client's user id; only from `admin.sock`.
pub const UID: &str = "X-Gatepost-Uid";
/// What a local client says of itself, for the journal; gives no rights.
pub const USER: &str = "X-Gatepost-User";

/// The number under which an event stream is fetched; only in an answer to the front.
pub const EVENTS: &str = "X-Gatepost-Events";

/// Events that were allowed to a reader: whoever holds it asks for the next ones. A thread that writes them through tiny_http
/// would be one thread a reader, and would not see that its reader is gone.
pub trait Events: Send {
    /// The next octets, as soon as there are any; None behind the last.
    fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>>;
}

/// Where tiny_http listens, what opens it, and where event streams are fetched.
#[derive(Clone)]
pub struct Gate {
    /// The socket.
    pub socket: PathBuf,
    /// 256 random bits as text.
    pub secret: String,
    left: Arc<Mutex<Left>>,
}

/// Event streams that wait to be fetched.
#[derive(Default)]
struct Left {
    last: u64,
    all: Vec<(u64, Box<dyn Events>)>,
}

impl Gate {
    /// The gate of a state directory, with a new secret. Fails when the system has no randomness.
    pub fn new(state: &Path) -> io::Result<Self> {
        let secret = secret::fresh().ok_or_else(|| io::Error::other("the system gives no random octets"))?;
        Ok(Gate { socket: state.join(INNER), secret, left: Arc::default() })
    }

    /// Leaves an event stream for the front; gives its number. One that nobody fetches ends when as many came behind it as may run.
    pub fn leave(&self, events: Box<dyn Events>) -> u64 {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.last += 1;
        let number = left.last;
        left.all.push((number, events));
        left.all.retain(|(at, _)| at + limits::API_STREAMS as u64 > number);
        number
    }

    /// Fetches one, once.
    pub fn fetch(&self, number: &str) -> Option<Box<dyn Events>> {
        let number: u64 = number.parse().ok()?;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let at = left.all.iter().position(|(at, _)| *at == number)?;
        Some(left.all.swap_remove(at).1)
    }
}

/// Who asks, as the front says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody who could open `admin.sock`: this program's user, or root. He has every right.
    Local {
        /// His user id.
        uid: u32,
        /// What his client says of him.
        user: String,
    },
    /// Somebody on the network. He has the rights of his session or token.
    Net {
        /// His address.
        ip: IpAddr,
        /// Whether nobody could listen.
        tls: bool,
    },
}

impl Peer {
    /// Reads the front's fields; None when they are not the front's.
    pub(super) fn read<'a>(gate: &Gate, field: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        if !secret::same(field(GATE)?, &gate.secret) {
            return None;
        }
        match (field(UID), field(PEER)) {
            (Some(uid), None) => {
                let uid = uid.parse().ok()?;
                Some(Peer::Local { uid, user: field(USER).map_or_else(|| format!("uid {uid}"), str::to_owned) })
            }
            (None, Some(ip)) => Some(Peer::Net { ip: ip.parse().ok()?, tls: field(TLS) == Some("1") }),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_front_says_who_asks() {
        let gate = Gate { socket: PathBuf::new(), secret: "s3cret".into(), left: Arc::default() };
        let read = |fields: &[(&str, &'static str)]| {
            Peer::read(&gate, |name| fields.iter().find(|f| f.0 == name).map(|f| f.1))
        };
        let local = Peer::Local { uid: 0, user: "ann (uid 0)".into() };
        assert_eq!(read(&[(GATE, "s3cret"), (UID, "0"), (USER, "ann (uid 0)")]), Some(local));
        let net = Peer::Net { ip: "192.0.2.1".parse().unwrap(), tls: true };
        assert_eq!(read(&[(GATE, "s3cret"), (PEER, "192.0.2.1"), (TLS, "1"), (USER, "root")]), Some(net));
        for bad in [
            &[(UID, "0")][..],
            &[(GATE, "guess"), (UID, "0")],
            &[(GATE, "s3cret")],
            &[(GATE, "s3cret"), (UID, "0"), (PEER, "192.0.2.1")],
            &[(GATE, "s3cret"), (PEER, "gw")],
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
    struct Nothing;

    impl Events for Nothing {
        fn next(&mut self) -> Pin<Box<dyn Future<Output = Option<Vec<u8>>> + Send + '_>> {
            Box::pin(std::future::ready(None))
        }
    }

    #[test]
    fn a_stream_is_fetched_once_and_one_that_nobody_fetches_ends() {
        let gate = Gate { socket: PathBuf::new(), secret: String::new(), left: Arc::default() };
        let numbers: Vec<u64> = (0..=limits::API_STREAMS).map(|_| gate.leave(Box::new(Nothing))).collect();
        let fetch = |number: u64| gate.fetch(&number.to_string()).is_some();
        assert_eq!([fetch(numbers[0]), fetch(numbers[1]), fetch(numbers[1])], [false, true, false]);
        assert!(gate.fetch("x").is_none() && gate.fetch("").is_none());
    }
}
