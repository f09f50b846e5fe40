//! Who may send what to whom (Q31, Q12, Q14). Pure, over snapshots; the quota's disk is asked by the door in `mod.rs`.

use super::{Client, LoggedIn, Refusal, Service, networks};
use crate::{
    directory::Directory,
    router::{self, Destination, Route},
    settings::Settings,
    types::{Address, ReversePath},
    wire::smtp::say,
};

/// A client whose bare newlines and blanks are forgiven (section 6 of the design).
pub fn is_trusted(settings: &Settings, client: &Client) -> bool {
    client.login.is_some() || networks::is_private(client.ip) || networks::listed(&settings.relay_networks, client.ip)
}

/// MAIL: a login where the door demands it (RFC 6409 s4.3), the announced size (RFC 1870 s6.1).
pub fn sender(settings: &Settings, client: &Client, size: Option<u64>) -> Result<(), Refusal> {
    let needs_login = match client.service {
        Service::Submission | Service::Smtps => true,
        Service::Smtp | Service::Pop3 | Service::Pop3s | Service::Imap | Service::Imaps => false,
        Service::Http | Service::Https => false,
    };
    if needs_login && client.login.is_none() {
        return Err(Refusal::of(say::LOGIN_FIRST, "sends without a login"));
    }
    if let Some(size) = size.filter(|s| *s > settings.max_message) {
        let log = format!("announced {size} octets, at most {} are taken", settings.max_message);
        return Err(Refusal::of(say::TOO_BIG, log));
    }
    Ok(())
}

/// MAIL after a login: an address of the mailbox itself, or one that leads to it; the null path is for receipts (RFC 8098 s3).
pub fn own_sender(
    settings: &Settings,
    directory: &Directory,
    login: &LoggedIn,
    from: &ReversePath,
) -> Result<(), Refusal> {
    let ReversePath::Address(from) = from else { return Ok(()) };
    let leads_here = || match router::expand(directory, settings, from) {
        Route::Local { here, .. } => here.iter().any(|destination| destination.mailbox == login.mailbox),
        Route::Foreign | Route::Unknown => false,
    };
    if !settings.user_own_sender || *from == login.address || leads_here() {
        return Ok(());
    }
    Err(Refusal::of(say::NOT_YOUR_ADDRESS, format!("{from} does not belong to {}", login.address)))
}

/// Where mail for a recipient would go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Into mailboxes here only: one of them must have room.
    Here(Vec<Destination>),
    /// To another server, too.
    Away,
}

/// RCPT: where mail for somebody who lives by `route` would go; or why it may not come in.
pub fn recipient(settings: &Settings, client: &Client, to: &Address, route: Route) -> Result<Reach, Refusal> {
    match route {
        Route::Local { here, elsewhere } if elsewhere.is_empty() => Ok(Reach::Here(here)),
        // An alias was made by an administrator: whoever may write to it may be forwarded.
        Route::Local { .. } => Ok(Reach::Away),
        Route::Unknown => Err(Refusal::of(say::NO_MAILBOX, format!("{to} is nobody's address"))),
        Route::Foreign if may_relay(settings, client) => Ok(Reach::Away),
        Route::Foreign => Err(Refusal::of(say::RELAY_DENIED, format!("{to} is of another domain"))),
    }
}

/// Q31: logged in, or an address of the list. A private network alone gives no relay.
pub fn may_relay(settings: &Settings, client: &Client) -> bool {
    client.login.is_some() || networks::listed(&settings.relay_networks, client.ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        directory::Change,
        types::{Credential, Domain, MailboxId},
    };

    fn client(service: Service, ip: &str) -> Client {
        Client { ip: ip.parse().unwrap(), service, tls: false, login: None }
    }

    fn logged_in(mut client: Client) -> Client {
        let address = Address::parse("ann@office.test").unwrap();
        client.login = Some(LoggedIn { mailbox: MailboxId(1), address, mechanism: "PLAIN" });
        client
    }

    fn code(result: Result<impl Sized, Refusal>) -> (u16, &'static str) {
        result.map_or_else(|r| (r.say.code, r.say.status), |_| (250, ""))
    }

    #[test]
    fn submission_wants_a_login_and_port_25_does_not() {
        let settings = Settings::default();
        for service in [Service::Submission, Service::Smtps] {
            let stranger = client(service, "127.0.0.1");
            assert_eq!(code(sender(&settings, &stranger, None)), (530, "5.7.0"));
            assert_eq!(code(sender(&settings, &logged_in(stranger), None)), (250, ""));
        }
        assert_eq!(code(sender(&settings, &client(Service::Smtp, "8.8.8.8"), None)), (250, ""));
    }

    #[test]
    fn an_announced_size_over_the_limit_is_refused_before_the_data() {
        let settings = Settings::default();
        let anybody = client(Service::Smtp, "8.8.8.8");
        assert_eq!(code(sender(&settings, &anybody, Some(settings.max_message))), (250, ""));
        assert_eq!(code(sender(&settings, &anybody, Some(settings.max_message + 1))), (552, "5.3.4"));
    }

    #[test]
    fn a_stranger_never_relays_and_a_private_network_alone_does_not_either() {
        let settings = Settings { relay_networks: vec!["192.0.2.0/24".into()], ..Settings::default() };
        let to = Address::parse("x@elsewhere.test").unwrap();
        let ask = |client: &Client| code(recipient(&settings, client, &to, Route::Foreign));
        assert_eq!(ask(&client(Service::Smtp, "8.8.8.8")), (550, "5.7.1"));
        assert_eq!(ask(&client(Service::Smtp, "10.0.0.1")), (550, "5.7.1"));
        assert_eq!(ask(&client(Service::Smtp, "192.0.2.9")), (250, ""));
        assert_eq!(ask(&logged_in(client(Service::Submission, "8.8.8.8"))), (250, ""));
    }

    #[test]
    fn our_own_addresses_are_taken_from_anybody_and_nobodys_from_none() {
        let (settings, stranger) = (Settings::default(), client(Service::Smtp, "8.8.8.8"));
        let to = Address::parse("ann@office.test").unwrap();
        let folder = crate::types::FolderName::inbox();
        let ann = Destination { mailbox: MailboxId(1), address: to.clone(), quota: None, folder };
        let other = Address::parse("x@elsewhere.test").unwrap();
        let route = |here: &[Destination], elsewhere: Vec<Address>| Route::Local { here: here.to_vec(), elsewhere };
        let ask = |route| recipient(&settings, &stranger, &to, route);
        assert_eq!(ask(route(std::slice::from_ref(&ann), vec![])), Ok(Reach::Here(vec![ann.clone()])));
        assert_eq!(ask(route(std::slice::from_ref(&ann), vec![other.clone()])), Ok(Reach::Away));
        assert_eq!(ask(route(&[], vec![other])), Ok(Reach::Away));
        assert_eq!(code(ask(Route::Unknown)), (550, "5.1.1"));
    }

    #[test]
    fn who_logged_in_sends_by_addresses_that_lead_to_him() {
        let a = |text: &str| Address::parse(text).unwrap();
        let credential = Credential { salt: vec![1], iterations: 1, stored_key: [0; 32], server_key: [0; 32] };
        let mailbox = |text: &str| Change::AddMailbox {
            address: a(text),
            password: credential.clone().into(),
            quota: None,
            owner: String::new(),
        };
        let domain = Change::AddDomain(Domain::parse("office.test").unwrap());
        let targets = vec![a("ann@office.test"), a("x@far.test")];
        let sales = Change::AddAlias(a("sales@office.test"), targets);
        let changes = [domain, mailbox("ann@office.test"), mailbox("bob@office.test"), sales];
        let directory =
            changes.into_iter().fold(Directory::default(), |old, change| old.apply(change).unwrap().directory);
        let ann = LoggedIn { mailbox: MailboxId(1), address: a("ann@office.test"), mechanism: "PLAIN" };
        let ask = |settings: &Settings, from: ReversePath| code(own_sender(settings, &directory, &ann, &from));
        let on = Settings::default();
        for from in ["ann@office.test", "Ann+news@office.test", "sales@office.test"] {
            assert_eq!(ask(&on, ReversePath::Address(a(from))), (250, ""), "{from}");
        }
        for from in ["bob@office.test", "nobody@office.test", "ann@far.test"] {
            assert_eq!(ask(&on, ReversePath::Address(a(from))), (553, "5.7.1"), "{from}");
        }
        assert_eq!(ask(&on, ReversePath::Null), (250, ""));
        let off = Settings { user_own_sender: false, ..Settings::default() };
        assert_eq!(ask(&off, ReversePath::Address(a("ann@far.test"))), (250, ""));
    }

    #[test]
    fn scanners_of_the_lan_are_forgiven_their_newlines() {
        let settings = Settings { relay_networks: vec!["192.0.2.0/24".into()], ..Settings::default() };
        assert!(is_trusted(&settings, &client(Service::Smtp, "10.0.0.1")));
        assert!(is_trusted(&settings, &client(Service::Smtp, "192.0.2.1")));
        assert!(!is_trusted(&settings, &client(Service::Smtp, "8.8.8.8")));
        assert!(is_trusted(&settings, &logged_in(client(Service::Smtp, "8.8.8.8"))));
    }
}
