//! Logins from end to end, below the sessions: names, mechanisms, throttle, cache, hashing queue.

use std::{sync::Arc, time::Duration};

use super::{login::Logins, *};
use crate::{
    directory::Mailbox,
    rt::TestClock,
    types::{Credential, Password, UnixTime},
    wire::{
        sasl,
        scram::{ClientFinal, ClientFirst, Salted, ServerFinal, ServerFirst},
    },
};

struct House {
    logins: Logins,
    settings: Shared<Settings>,
    directory: Shared<Directory>,
    clock: Arc<TestClock>,
}

fn mailbox(id: u32, name: &str, credential: Credential) -> Mailbox {
    let address = Address::parse(name).unwrap();
    Mailbox {
        id: MailboxId(id),
        address,
        password: credential.into(),
        quota: None,
        owner: String::new(),
        enabled: true,
    }
}

fn house() -> House {
    let mut directory = Directory::default();
    for (id, name, password) in [(1, "ann@office.test", "ann-pass-1"), (2, "off@office.test", "off-pass-1")] {
        let mut mailbox = mailbox(id, name, scram::derive(password, b"0123456789abcdef", 1000));
        mailbox.enabled = id != 2;
        directory.mailboxes.put(mailbox);
    }
    let settings = Settings { login_domain: "office.test".into(), scram_iterations: 1000, ..Settings::default() };
    let (settings, directory) = (Shared::new(settings), Shared::new(directory));
    let clock = Arc::new(TestClock::at(UnixTime(1_800_000_000)));
    let logins = Logins::new(settings.clone(), directory.clone(), clock.clone()).unwrap();
    House { logins, settings, directory, clock }
}

fn client(ip: &str) -> Client {
    Client { ip: ip.parse().unwrap(), service: Service::Pop3, tls: true, login: None }
}

impl House {
    fn password(&self, name: &str, password: &str) -> Result<LoggedIn, LoginRefusal> {
        end(smol::block_on(self.logins.password(&client("203.0.113.5"), name, password, "USER")))
    }

    fn begin(&self, mechanism: Mechanism) -> LoginExchange<'_> {
        LoginExchange::new(&self.logins, &client("203.0.113.5"), mechanism, true)
    }
}

fn end(step: LoginStep) -> Result<LoggedIn, LoginRefusal> {
    match step {
        LoginStep::Done(who) => Ok(who),
        LoginStep::Refused(why) => Err(why),
        LoginStep::Challenge(c) => panic!("a challenge: {c:?}"),
    }
}

fn step(exchange: &mut LoginExchange<'_>, input: Option<&[u8]>) -> LoginStep {
    smol::block_on(exchange.step(input))
}

fn challenge(step: LoginStep) -> Vec<u8> {
    match step {
        LoginStep::Challenge(octets) => octets,
        other @ (LoginStep::Done(_) | LoginStep::Refused(_)) => panic!("no challenge: {other:?}"),
    }
}

#[test]
fn logs_in_by_the_whole_address_or_by_the_name_alone() {
    let house = house();
    for name in ["ann@office.test", "ann", "ANN@Office.Test"] {
        let who = house.password(name, "ann-pass-1").unwrap();
        assert_eq!((who.mailbox, who.address.to_string().as_str()), (MailboxId(1), "ann@office.test"));
    }
    house.settings.set(Settings { login_domain: String::new(), ..Settings::default() });
    assert_eq!(house.password("ann", "ann-pass-1"), Err(LoginRefusal::Wrong));
}

#[test]
fn a_wrong_password_an_unknown_name_and_a_mailbox_that_is_off_look_alike() {
    let house = house();
    for (name, password) in [("ann", "x"), ("nobody", "x"), ("off", "off-pass-1"), ("", "x"), ("a b@@", "x")] {
        assert_eq!(house.password(name, password), Err(LoginRefusal::Wrong), "{name}");
    }
}

#[test]
fn scram_shows_an_unknown_name_a_salt_that_stays() {
    let house = house();
    let salt = |name: &str| {
        let mut exchange = house.begin(Mechanism::ScramSha256);
        let first = ClientFirst::new(name, "abc").write();
        ServerFirst::parse(&challenge(step(&mut exchange, Some(first.as_bytes())))).unwrap()
    };
    let (one, two) = (salt("nobody"), salt("nobody@office.test"));
    assert_eq!((&one.salt, one.iterations, one.salt.len()), (&two.salt, 1000, 16));
    assert_ne!(salt("somebody").salt, one.salt);
    assert_ne!(one.nonce, two.nonce);
}

#[test]
fn plain_takes_an_initial_response_or_an_empty_challenge() {
    let house = house();
    let say = |text: &[u8]| end(step(&mut house.begin(Mechanism::Plain), Some(text)));
    assert_eq!(say(b"\0ann\0ann-pass-1").map(|w| w.mechanism), Ok("PLAIN"));
    assert!(say(b"ann@office.test\0ann\0ann-pass-1").is_ok());
    assert_eq!(say(b"off\0ann\0ann-pass-1"), Err(LoginRefusal::Wrong));
    assert_eq!(say(b"ann-pass-1"), Err(LoginRefusal::Malformed));
    let mut exchange = house.begin(Mechanism::Plain);
    assert_eq!(challenge(step(&mut exchange, None)), b"");
    assert!(end(step(&mut exchange, Some(b"\0ann\0ann-pass-1"))).is_ok());
    assert_eq!(exchange.name(), Some("ann"));
    assert_eq!(end(step(&mut exchange, Some(b"\0ann\0ann-pass-1"))), Err(LoginRefusal::Wrong));
}

#[test]
fn login_asks_with_prompts_that_are_not_empty() {
    let house = house();
    let mut exchange = house.begin(Mechanism::Login);
    assert_eq!(challenge(step(&mut exchange, None)), sasl::USERNAME);
    assert_eq!(challenge(step(&mut exchange, Some(b"ann"))), sasl::PASSWORD);
    assert_eq!(end(step(&mut exchange, Some(b"ann-pass-1"))).map(|w| w.mechanism), Ok("LOGIN"));
    let mut short = house.begin(Mechanism::Login);
    assert_eq!(challenge(step(&mut short, Some(b"ann"))), sasl::PASSWORD);
    assert_eq!(end(step(&mut short, Some(b"\xff\xfe"))), Err(LoginRefusal::Wrong));
}

fn scram_final(server_first: &[u8], first: &ClientFirst, password: &str) -> (Vec<u8>, [u8; 32]) {
    let server = ServerFirst::parse(server_first).unwrap();
    let salted = Salted::new(password, &server.salt, server.iterations);
    let without = ClientFinal::without_proof_of(first.gs2(), &server.nonce);
    let message = scram::auth_message(first.bare(), &server.write(), &without);
    let last = ClientFinal::new(first.gs2(), &server.nonce, salted.proof(&message));
    (last.write().into_bytes(), salted.server_signature(&message))
}

#[test]
fn scram_proves_the_password_to_both_sides() {
    let house = house();
    let mut exchange = house.begin(Mechanism::ScramSha256);
    let first = ClientFirst::new("ann", "fyko+d2lbbFgONRv9qkxdawL");
    let server_first = challenge(step(&mut exchange, Some(first.write().as_bytes())));
    let (last, signature) = scram_final(&server_first, &first, "ann-pass-1");
    let shown = challenge(step(&mut exchange, Some(&last)));
    assert_eq!(ServerFinal::parse(&shown), Ok(ServerFinal::Verifier(signature)));
    assert_eq!(end(step(&mut exchange, Some(b""))).map(|w| w.mechanism), Ok("SCRAM-SHA-256"));
}

#[test]
fn scram_refuses_a_wrong_proof_and_a_changed_nonce() {
    let house = house();
    let first = ClientFirst::new("ann", "abc");
    let run = |spoil: &dyn Fn(Vec<u8>) -> Vec<u8>, password| {
        let mut exchange = house.begin(Mechanism::ScramSha256);
        let server_first = challenge(step(&mut exchange, Some(first.write().as_bytes())));
        end(step(&mut exchange, Some(&spoil(scram_final(&server_first, &first, password).0))))
    };
    assert_eq!(run(&|v| v, "ann-pass-2"), Err(LoginRefusal::Wrong));
    let changed = |v: Vec<u8>| String::from_utf8(v).unwrap().replace("r=abc", "r=abd").into_bytes();
    assert_eq!(run(&changed, "ann-pass-1"), Err(LoginRefusal::Malformed));
    let bound = |v: Vec<u8>| String::from_utf8(v).unwrap().replace("c=biws", "c=eSws").into_bytes();
    assert_eq!(run(&bound, "ann-pass-1"), Err(LoginRefusal::Malformed));
}

#[test]
fn where_no_password_may_be_said_none_is_looked_at() {
    let house = house();
    let mut exchange = LoginExchange::new(&house.logins, &client("8.8.8.8"), Mechanism::Plain, false);
    assert_eq!(end(step(&mut exchange, Some(b"\0ann\0ann-pass-1"))), Err(LoginRefusal::Wrong));
}

#[test]
fn guessing_is_slowed_before_the_hash_even_for_the_right_password() {
    let house = house();
    for n in 0..5 {
        assert_eq!(house.password("ann", &format!("guess-{n}")), Err(LoginRefusal::Wrong));
    }
    assert_eq!(house.password("ann", "ann-pass-1"), Err(LoginRefusal::Throttled));
    house.clock.advance(3);
    assert!(house.password("ann@office.test", "ann-pass-1").is_ok());
}

#[test]
fn the_same_wrong_password_again_and_again_leaves_the_right_one_in() {
    let house = house();
    for _ in 0..100 {
        assert_eq!(house.password("ann", "last-years-password"), Err(LoginRefusal::Wrong));
    }
    assert!(house.password("ann", "ann-pass-1").is_ok());
}

#[test]
fn a_password_that_was_wrong_is_right_after_it_was_set() {
    let house = house();
    assert_eq!(house.password("ann", "new-pass-1"), Err(LoginRefusal::Wrong));
    let mut directory = Directory::clone(&house.directory.get());
    let changed = mailbox(1, "ann@office.test", scram::derive("new-pass-1", b"fedcba9876543210", 1000));
    assert!(house.password("ann", "ann-pass-1").is_ok());
    directory.mailboxes.put(changed);
    house.directory.set(directory);
    assert!(house.password("ann", "new-pass-1").is_ok());
    // The old one was in the cache a moment ago: it died with the change.
    assert_eq!(house.password("ann", "ann-pass-1"), Err(LoginRefusal::Wrong));
}

#[test]
fn a_verified_login_costs_no_second_hash_until_it_is_too_old() {
    let house = house();
    let mut directory = Directory::clone(&house.directory.get());
    let slow = mailbox(1, "ann@office.test", scram::derive("ann-pass-1", b"0123456789abcdef", 300_000));
    directory.mailboxes.put(slow);
    house.directory.set(directory);
    let time = || {
        let start = std::time::Instant::now();
        house.password("ann", "ann-pass-1").unwrap();
        start.elapsed()
    };
    let (first, second) = (time(), time());
    house.clock.advance(601);
    let third = time();
    assert!(second < first / 5 && second < third / 5, "{first:?} {second:?} {third:?}");
}

#[test]
fn a_name_of_other_letters_has_one_count_however_it_is_written() {
    let house = house();
    let names = ["анна", "Анна", "аНна", "анНа", "аннА", "АННА"].map(|name| format!("{name}@office.test"));
    for (n, name) in names.iter().take(5).enumerate() {
        assert_eq!(house.password(name, &format!("guess-{n}")), Err(LoginRefusal::Wrong));
    }
    assert_eq!(house.password(&names[5], "guess-5"), Err(LoginRefusal::Throttled));
}

#[test]
fn a_full_hashing_queue_is_said_and_counts_against_nobody() {
    let house = house();
    let mut directory = Directory::clone(&house.directory.get());
    for n in 0..100 {
        let slow = mailbox(n, &format!("u{n}@office.test"), scram::derive("p", b"0123456789abcdef", 1));
        let Password::Scram(ours) = slow.password.clone() else { panic!("not imported") };
        let password = Password::Scram(Credential { iterations: 100_000, ..ours });
        directory.mailboxes.put(Mailbox { password, ..slow });
    }
    house.directory.set(directory);
    let lan = client("10.0.0.1");
    let all = async {
        let futures: Vec<_> = (0..100)
            .map(|n| {
                let name = format!("u{n}");
                let (house, lan) = (&house, &lan);
                Box::pin(async move { end(house.logins.password(lan, &name, "wrong", "USER").await) })
            })
            .collect();
        let mut results = Vec::new();
        let mut waiting = Vec::new();
        for mut future in futures {
            match smol::future::poll_once(&mut future).await {
                Some(result) => results.push(result),
                None => waiting.push(future),
            }
        }
        for future in waiting {
            results.push(future.await);
        }
        results
    };
    let results = smol::block_on(smol::future::or(all, async {
        smol::Timer::after(Duration::from_secs(60)).await;
        Vec::new()
    }));
    let busy = results.iter().filter(|r| **r == Err(LoginRefusal::Busy)).count();
    assert!(results.len() == 100 && (20..=36).contains(&busy), "{busy} of {}", results.len());
}

#[test]
fn passwords_go_over_tls_or_stay_in_the_private_network() {
    use TlsMode::{Off, Opportunistic, Required};
    for (mode, tls, ip, allowed) in [
        (Off, false, "10.0.0.1", true),
        (Off, false, "8.8.8.8", false),
        (Opportunistic, false, "fd00::1", true),
        (Opportunistic, false, "8.8.8.8", false),
        (Opportunistic, true, "8.8.8.8", true),
        (Required, false, "127.0.0.1", false),
        (Required, true, "127.0.0.1", true),
    ] {
        let settings = Settings { pop3_tls: mode, smtp_tls: mode, ..Settings::default() };
        for service in [Service::Smtp, Service::Submission, Service::Pop3] {
            let client = Client { service, tls, ..client(ip) };
            assert_eq!(may_login(&settings, &client), allowed, "{mode:?} {tls} {ip}");
        }
    }
}

/// `ann-pass-1`, as the C library's crypt writes it.
const IMPORTED: &str =
    "$6$rounds=1000$roundzero$LUgu4Jz7M3JaSTAC6JuM7yT16VkNTre5QnosEmhZ9.8Gv/9/wP./tXlnQ0y7K1QejtGaiH/LtJenjQF7CxQg70";

#[test]
fn an_imported_hash_lets_in_and_leaves_a_credential_of_ours() {
    let house = house();
    let mut directory = (*house.directory.get()).clone();
    directory.mailboxes.edit(&Address::parse("ann@office.test").unwrap()).unwrap().password =
        Password::parse(IMPORTED).unwrap();
    house.directory.set(directory);
    assert_eq!(house.password("ann", "ann-pass-2"), Err(LoginRefusal::Wrong));
    assert!(house.logins.renewals().try_recv().is_err(), "a wrong password renews nothing");
    assert!(house.password("ann", "ann-pass-1").is_ok());
    let renewal = house.logins.renewals().try_recv().unwrap();
    assert_eq!((renewal.address.to_string().as_str(), renewal.imported.as_str()), ("ann@office.test", IMPORTED));
    assert!(scram::verify_password(&renewal.credential, "ann-pass-1"));
    assert_eq!(renewal.credential.iterations, 1000);

    let mut exchange = house.begin(Mechanism::ScramSha256);
    let first = ClientFirst::new("ann", "abc");
    let server = challenge(step(&mut exchange, Some(first.write().as_bytes())));
    let server = ServerFirst::parse(&server).unwrap();
    let message =
        scram::auth_message(first.bare(), &server.write(), &ClientFinal::without_proof_of("n,,", &server.nonce));
    let proof = Salted::new("ann-pass-1", &server.salt, server.iterations).proof(&message);
    let last = ClientFinal::new("n,,", &server.nonce, proof).write();
    assert_eq!(end(step(&mut exchange, Some(last.as_bytes()))), Err(LoginRefusal::Wrong), "nothing can be proved yet");
}
