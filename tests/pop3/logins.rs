//! What a client hears before it is in: CAPA, STLS, AUTH, and what guessing leads to.

use std::{
    io::{Read, Write},
    process::Command,
};

use gatepost::{
    settings::TlsMode,
    wire::{
        sasl,
        scram::{self, ClientFinal, ClientFirst, Salted, ServerFinal, ServerFirst},
    },
};

use crate::house::{Client, house};

#[test]
fn capa_offers_what_is_complete_and_allowed() {
    let house = house("capa");
    let mut plain = house.connect();
    let lines = plain.ask_lines("CAPA");
    for want in [
        "TOP",
        "UIDL",
        "RESP-CODES",
        "AUTH-RESP-CODE",
        "PIPELINING",
        "EXPIRE NEVER",
        "USER",
        "SASL PLAIN SCRAM-SHA-256",
        "STLS",
        "IMPLEMENTATION Gatepost",
    ] {
        assert!(lines.contains(&want.to_owned()), "{want}: {lines:?}");
    }
    assert_eq!(plain.ask_lines("AUTH"), ["PLAIN", "SCRAM-SHA-256"]);
    house.tls_mode(TlsMode::Required);
    let lines = house.connect().ask_lines("CAPA");
    assert!(lines.contains(&"STLS".to_owned()) && !lines.contains(&"USER".to_owned()), "{lines:?}");
    let lines = house.connect_tls().ask_lines("CAPA");
    assert!(!lines.contains(&"STLS".to_owned()) && lines.contains(&"USER".to_owned()), "{lines:?}");
    house.tls.set(None);
    house.tls_mode(TlsMode::Off);
    let mut off = house.connect();
    assert!(!off.ask_lines("CAPA").contains(&"STLS".to_owned()));
    assert_eq!(off.ask("STLS"), "-ERR TLS is not available");
}

#[test]
fn where_tls_is_required_no_password_is_taken_before_it() {
    let house = house("required");
    house.tls_mode(TlsMode::Required);
    let mut ann = house.connect();
    for command in ["USER ann", "PASS ann-pass-1", "AUTH PLAIN AGFubgBhbm4tcGFzcy0x"] {
        assert_eq!(ann.ask(command), "-ERR Logging in needs an encrypted connection");
    }
    drop(ann);
    house.until_told("(tried to use disallowed plaintext auth): user=<>, rip=127.0.0.1, lip=127.0.0.1, session=<");
    house.connect_tls().login();
    house.until_told("pop3-login: Login: user=<ann@office.test>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, mpid=");
}

#[test]
fn stls_throws_away_what_was_said_before_it() {
    let house = house("stls");
    let mut socket = house.raw();
    socket.write_all(b"USER ann\r\nSTLS\r\nPASS ann-pass-1\r\nSTAT\r\n").unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"+OK Begin TLS negotiation\r\n") {
        let mut octet = [0];
        socket.read_exact(&mut octet).unwrap();
        said.push(octet[0]);
    }
    let mut ann = Client::over(house.shake(socket));
    // Neither the injected PASS nor the name before STLS is known inside.
    assert_eq!(ann.ask("PASS ann-pass-1"), "-ERR Send USER first");
    assert_eq!(ann.ask("STLS"), "-ERR TLS is active already");
    ann.login();
    assert_eq!(ann.ask("STLS"), "-ERR Logged in already");
    assert_eq!(ann.ask("STAT"), "+OK 0 0");
    assert!(ann.ask("QUIT").starts_with("+OK"));
}

#[test]
fn auth_plain_works_with_and_without_an_initial_response() {
    let house = house("plain");
    let message = sasl::write_challenge(b"\0ann@office.test\0ann-pass-1");
    assert!(house.connect().ask(&format!("AUTH PLAIN {message}")).starts_with("+OK Logged in"));
    let mut slow = house.connect();
    assert_eq!(slow.ask("auth plain"), "+ ");
    assert!(slow.ask(&message).starts_with("+OK Logged in"));
    let mut other = house.connect();
    assert_eq!(other.ask("AUTH PLAIN"), "+ ");
    assert_eq!(other.ask("*"), "-ERR Authentication cancelled");
    assert_eq!(other.ask("AUTH PLAIN !"), "-ERR Invalid authentication message");
    assert_eq!(other.ask("AUTH PLAIN ="), "-ERR Invalid authentication message");
    assert_eq!(other.ask("AUTH CRAM-MD5"), "-ERR Unknown authentication mechanism");
    assert_eq!(other.ask("AUTH LOGIN"), "-ERR Unknown authentication mechanism");
    assert_eq!(other.ask("AUTH PLAIN"), "+ ");
    assert_eq!(other.ask(&"A".repeat(20_000)), "-ERR Line too long");
    other.login();
}

#[test]
fn auth_scram_proves_both_sides() {
    let house = house("scram");
    let mut ann = house.connect();
    let first = ClientFirst::new("ann", "rOprNGfwEbeRWgbNEkqO");
    let challenge = ann.ask(&format!("AUTH SCRAM-SHA-256 {}", sasl::write_challenge(first.write().as_bytes())));
    let decode = |line: &str| match sasl::Answer::parse(line.strip_prefix("+ ").unwrap().as_bytes()) {
        Ok(sasl::Answer::Data(octets)) => octets,
        _ => panic!("{line}"),
    };
    let server = ServerFirst::parse(&decode(&challenge)).unwrap();
    let salted = Salted::new("ann-pass-1", &server.salt, server.iterations);
    let without = ClientFinal::without_proof_of(first.gs2(), &server.nonce);
    let signed = scram::auth_message(first.bare(), &server.write(), &without);
    let last = ClientFinal::new(first.gs2(), &server.nonce, salted.proof(&signed)).write();
    let shown = ann.ask(&sasl::write_challenge(last.as_bytes()));
    let signature = ServerFinal::Verifier(salted.server_signature(&signed));
    assert_eq!(ServerFinal::parse(&decode(&shown)), Ok(signature));
    assert!(ann.ask("").starts_with("+OK Logged in"));
    house.until_told("Login: user=<ann@office.test>, method=SCRAM-SHA-256,");
}

#[test]
fn failed_logins_are_answered_alike_counted_and_found_by_fail2ban() {
    let house = house("guess");
    let mut guesser = house.connect();
    for (name, password) in [("ann", "x"), ("nobody", "x"), ("ann@elsewhere.test", "ann-pass-1"), ("<>\" ,rip=9", "y")]
    {
        assert_eq!(guesser.ask(&format!("USER {name}")), "+OK Send the password");
        assert_eq!(guesser.ask(&format!("PASS {password}")), "-ERR [AUTH] Authentication failed");
    }
    assert_eq!(guesser.ask("PASS x"), "-ERR Send USER first");
    guesser.ask("USER bob");
    assert_eq!(guesser.ask("PASS x"), "-ERR [AUTH] Too many failed logins");
    assert!(guesser.at_end());
    let mut once = house.connect();
    assert!(once.ask(&format!("AUTH PLAIN {}", sasl::write_challenge(b"\0b>o\0x"))).starts_with("-ERR [AUTH]"));
    assert!(once.ask("QUIT").starts_with("+OK"));
    let many = house.until_told("(auth failed, 5 attempts in ");
    assert!(many.contains("user=<bob>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, session=<"), "{many}");
    let one = house.until_told("(auth failed, 1 attempts in ");

    let log = house.scratch.path().join("mail.log");
    let lines = [many, one].map(|text| format!("Nov 24 05:08:51 gate dovecot: {text}\n"));
    std::fs::write(&log, lines.concat().replace("rip=127.0.0.1", "rip=203.0.113.5")).unwrap();
    let filter = "/etc/fail2ban/filter.d/dovecot.conf";
    let run = Command::new("fail2ban-regex").arg(&log).arg(filter).output();
    let run = run.expect("fail2ban-regex is missing: apt install fail2ban");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(said.contains("2 matched"), "{said}");
}

#[test]
fn guessing_one_account_is_slowed_across_connections() {
    let house = house("slow");
    for n in 0..5 {
        let mut guesser = house.connect();
        guesser.ask("USER ann");
        assert_eq!(guesser.ask(&format!("PASS guess-{n}")), "-ERR [AUTH] Authentication failed");
    }
    let mut ann = house.connect();
    ann.ask("USER ann");
    assert_eq!(ann.ask("PASS ann-pass-1"), "-ERR [SYS/TEMP] Too many failed logins, try again later");
    let mut bob = house.connect();
    bob.ask("USER bob");
    assert!(bob.ask("PASS bob-pass-1").starts_with("+OK Logged in"), "a private network is never shut out whole");
    std::thread::sleep(std::time::Duration::from_millis(2100));
    house.connect().login();
}
