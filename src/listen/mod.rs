//! Every socket: bind by interface, accept, permit, handshake inside the task.
//!
//! [`Listeners`] is told which ports should be open and keeps them so: [`plan`] computes what to open and what to close
//! (pure), a port that cannot be opened is tried again, addresses of named interfaces are followed. A session is a future
//! that `app` hands in; it runs under a permit and a net for panics, and outlives the socket that accepted it.
//! Must not know: what is said on a connection, beyond a word to those who are turned away.

mod accept;
mod bind;
pub mod http;
mod listeners;
mod permit;
mod plan;
#[cfg(test)]
mod tests;

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

use crate::{
    net::{Acceptor, Conn},
    policy::{Network, Service},
    rt::Shared,
};

pub use bind::{interfaces, raise_open_files};
pub use listeners::{Listeners, Means};
pub use permit::{Permits, Seat};
pub use plan::{Address, Interfaces, Spec, Target};

/// Serves one connection until it ends: `session::smtp::serve` and its kind, with all they need.
/// The seat says whether others want the place of a connection that only waits.
pub type Handler = Arc<dyn Fn(Conn, Seat) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A port that should be open, and who serves there.
#[derive(Clone)]
pub struct Wanted {
    /// Where.
    pub spec: Spec,
    /// For ports that are encrypted from the first octet (465, 995, 993): the newest certificate. While there is none, clients
    /// are let go at once.
    pub tls: Option<Shared<Option<Acceptor>>>,
    /// Who is let in.
    pub guests: Guests,
    /// Who serves.
    pub handler: Handler,
}

/// Whom a port lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guests {
    /// Everybody.
    All,
    /// This machine, and these networks; others see the connection end before a word is said.
    Chosen(Vec<Network>),
}

impl Guests {
    fn has(&self, ip: IpAddr) -> bool {
        match self {
            Guests::All => true,
            Guests::Chosen(networks) => ip.is_loopback() || networks.iter().any(|network| network.contains(ip)),
        }
    }
}

/// The name of a service in journal lines and on the board.
pub fn name(service: Service) -> &'static str {
    match service {
        Service::Smtp => "smtp",
        Service::Submission => "submission",
        Service::Smtps => "smtps",
        Service::Pop3 => "pop3",
        Service::Pop3s => "pop3s",
        Service::Imap => "imap",
        Service::Imaps => "imaps",
        Service::Http => "http",
        Service::Https => "https",
    }
}

#[cfg(test)]
mod guests {
    use super::*;

    #[test]
    fn only_this_machine_and_chosen_networks_are_let_in() {
        let lan = Guests::Chosen(vec![Network::parse("192.168.1.0/24").unwrap()]);
        let has = |guests: &Guests, ip: &str| guests.has(ip.parse().unwrap());
        assert!(has(&lan, "192.168.1.7") && has(&lan, "127.0.0.1") && has(&lan, "::1"));
        assert!(!has(&lan, "192.168.2.7") && !has(&lan, "203.0.113.1") && !has(&lan, "2001:db8::1"));
        assert!(has(&Guests::All, "203.0.113.1") && !has(&Guests::Chosen(Vec::new()), "10.0.0.1"));
    }
}
