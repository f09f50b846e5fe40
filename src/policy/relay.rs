//! Who may send what to whom (Q31, Q12, Q14). Pure, over snapshots; the quota's disk is asked by the door in `mod.rs`.

use super::{Client, Refusal, Service, networks};
use crate::{
    directory::Directory,
    router::{self, Destination, Route},
    settings::Settings,
    types::Address,
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

/// RCPT: in which mailboxes mail for `to` from this client would end, none where it goes to another domain; or why it may not come in.
pub fn recipient(
    settings: &Settings,
    directory: &Directory,
    client: &Client,
    to: &Address,
) -> Result<Vec<Destination>, Refusal> {
    judge(settings, client, to, router::expand(directory, settings, to))
}

fn judge(settings: &Settings, client: &Client, to: &Address, route: Route) -> Result<Vec<Destination>, Refusal> {
    match route {
        Route::Local { here, .. } if !here.is_empty() => Ok(here),
        // An alias that only leads elsewhere is mail for elsewhere, whoever sends it.
        Route::Local { .. } => Err(Refusal::of(say::NO_QUEUE, format!("{to} leads only to other domains"))),
        Route::Unknown => Err(Refusal::of(say::NO_MAILBOX, format!("{to} is nobody's address"))),
        Route::Foreign if may_relay(settings, client) => {
            // It leaves.
            Ok(Vec::new())
        }
        Route::Foreign => Err(Refusal::of(say::RELAY_DENIED, format!("{to} is of another domain"))),
    }
}

/// Q31: logged in, or an address of the list. A private network alone gives no relay.
fn may_relay(settings: &Settings, client: &Client) -> bool {
    client.login.is_some() || networks::listed(&settings.relay_networks, client.ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{policy::LoggedIn, types::MailboxId};

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
        let ask = |client: &Client| code(judge(&settings, client, &to, Route::Foreign));
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
        for elsewhere in [vec![], vec![other.clone()]] {
            let route = Route::Local { here: vec![ann.clone()], elsewhere };
            assert_eq!(judge(&settings, &stranger, &to, route), Ok(vec![ann.clone()]));
        }
        let away = Route::Local { here: vec![], elsewhere: vec![other] };
        assert_eq!(code(judge(&settings, &stranger, &to, away)), (550, "5.3.3"));
        assert_eq!(code(judge(&settings, &stranger, &to, Route::Unknown)), (550, "5.1.1"));
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
