//! POP3 sessions over a real store: what a client hears, what stays on the disk, what the journal tells.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "pop3/house.rs"]
mod house;
#[path = "pop3/logins.rs"]
mod logins;
#[path = "common/post.rs"]
mod post;
#[path = "common/scratch.rs"]
mod scratch;

use std::{io::Read, process::Command};

use gatepost::{rt::block_on, settings::TlsMode, types::Uid};
use house::house;

const ONE: &[u8] = b"Subject: one\r\n\r\nfirst\r\n.\r\n..second\r\n";
const TWO: &[u8] = b"Subject: two\r\n\r\nno newline at the end";

#[test]
fn a_client_lists_reads_and_deletes() {
    let house = house("walk");
    house.deliver(ONE);
    house.deliver(TWO);
    let mut ann = house.ann();
    let (one, two) = (ONE.len(), TWO.len());
    assert_eq!(ann.ask("STAT"), format!("+OK 2 {}", one + two));
    assert_eq!(ann.ask_lines("LIST"), [format!("1 {one}"), format!("2 {two}")]);
    assert_eq!(ann.ask("LIST 2"), format!("+OK 2 {two}"));
    let ids = ann.ask_lines("UIDL");
    assert_eq!(ann.ask("UIDL 1"), format!("+OK {}", ids[0]));
    assert_eq!(ann.ask("RETR 1"), format!("+OK {one} octets"));
    assert_eq!(ann.lines(), ["Subject: one", "", "first", ".", "..second"]);
    assert_eq!(ann.ask_lines("RETR 2"), ["Subject: two", "", "no newline at the end"]);
    assert_eq!(ann.ask_lines("TOP 1 2"), ["Subject: one", "", "first", "."]);
    assert_eq!(ann.ask_lines("TOP 2 0"), ["Subject: two", ""]);
    assert_eq!(ann.ask("NOOP"), "+OK");
    assert_eq!(ann.ask("DELE 1"), "+OK Marked to be deleted");
    for command in ["DELE 1", "RETR 1", "LIST 1", "UIDL 1", "TOP 1 0"] {
        assert_eq!(ann.ask(command), "-ERR The message is deleted");
    }
    assert_eq!(ann.ask_lines("LIST"), [format!("2 {two}")]);
    assert_eq!(ann.ask("STAT"), format!("+OK 1 {two}"));
    assert!(ann.ask("RSET").starts_with("+OK"));
    assert_eq!(ann.ask("STAT"), format!("+OK 2 {}", one + two));
    assert_eq!(ann.ask("RETR 3"), "-ERR No such message");
    assert!(ann.ask("DELE 1").starts_with("+OK"));
    assert_eq!(ann.ask("QUIT"), "+OK Bye, 1 messages deleted");
    assert!(ann.at_end());
    // The identifier of a message stays, whatever its number is.
    let mut again = house.ann();
    assert_eq!(again.ask_lines("UIDL"), [ids[1].replacen('2', "1", 1)]);
    let line = house.until_told("Logged out");
    let want = format!("Disconnected: Logged out top=2/{}, retr=2/{}, del=1/2, size={}", 26 + 16, one + two, one + two);
    assert!(line.starts_with("pop3(ann@office.test)<") && line.ends_with(&want), "{line}\n{want}");
}

/// As with Dovecot: what RETR gave out is seen, with QUIT or without; TOP shows only.
#[test]
fn what_was_read_is_seen_by_everybody() {
    let house = house("seen");
    (0..4).for_each(|_| house.deliver(ONE));
    let mut ann = house.ann();
    ann.ask_lines("RETR 1");
    ann.ask_lines("TOP 2 100");
    ann.ask_lines("RETR 4");
    ann.ask("DELE 4");
    ann.ask("QUIT");
    assert!(ann.at_end());
    assert_eq!(house.seen(), [true, false, false]);
    let mut again = house.ann();
    again.ask_lines("RETR 1");
    again.ask_lines("RETR 2");
    drop(again);
    house.until_told("Connection closed");
    assert_eq!(house.seen(), [true, true, false]);
}

#[test]
fn nothing_is_deleted_without_quit() {
    let house = house("noquit");
    house.deliver(ONE);
    let mut ann = house.ann();
    assert!(ann.ask("DELE 1").starts_with("+OK"));
    drop(ann);
    house.until_told("Disconnected: Connection closed");
    assert_eq!(house.ann().ask("STAT"), format!("+OK 1 {}", ONE.len()));
}

#[test]
fn two_sessions_may_have_one_mailbox_open() {
    let house = house("two");
    house.deliver(ONE);
    house.deliver(TWO);
    let (mut desk, mut phone) = (house.ann(), house.ann());
    house.deliver(ONE);
    assert!(desk.ask("DELE 1").starts_with("+OK"));
    assert!(desk.ask("QUIT").starts_with("+OK Bye, 1"));
    // The snapshot stands: neither the deletion nor the delivery changed its numbers.
    assert!(phone.ask("STAT").starts_with("+OK 2 "));
    assert_eq!(phone.ask("RETR 1"), "-ERR The message was deleted meanwhile by another client");
    assert!(phone.ask("RETR 2").starts_with("+OK"));
    phone.lines();
    assert!(phone.ask("DELE 1").starts_with("+OK") && phone.ask("DELE 2").starts_with("+OK"));
    assert_eq!(phone.ask("QUIT"), "+OK Bye, 1 messages deleted");
    assert!(house.ann().ask("STAT").starts_with("+OK 1 "));
}

#[test]
fn a_unique_identifier_is_never_used_again() {
    let house = house("uidl");
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        house.deliver(ONE);
        let mut ann = house.ann();
        let id = ann.ask("UIDL 1").split_whitespace().last().unwrap().to_owned();
        assert!(seen.insert(id.clone()), "{id} again");
        assert!(id.len() <= 70 && id.bytes().all(|b| (0x21..=0x7e).contains(&b)));
        ann.ask("DELE 1");
        assert!(ann.ask("QUIT").starts_with("+OK"));
    }
}

#[test]
fn pipelined_commands_are_answered_in_order() {
    let house = house("pipeline");
    (0..50).for_each(|_| house.deliver(ONE));
    let mut ann = house.connect();
    let mut all = String::from("CAPA\r\nUSER ann\r\nPASS ann-pass-1\r\n");
    (1..=50).for_each(|n| all.push_str(&format!("RETR {n}\r\nDELE {n}\r\n")));
    all.push_str("QUIT\r\n");
    ann.write(&all);
    assert!(ann.read().starts_with("+OK") && ann.lines().contains(&"PIPELINING".to_owned()));
    assert!(ann.read().starts_with("+OK") && ann.read().starts_with("+OK Logged in, 50 messages"));
    for _ in 0..50 {
        assert!(ann.read().ends_with("octets"));
        assert_eq!(ann.lines().len(), 5);
        assert_eq!(ann.read(), "+OK Marked to be deleted");
    }
    assert_eq!(ann.read(), "+OK Bye, 50 messages deleted");
}

#[test]
fn ten_thousand_messages_are_listed_and_identified() {
    let house = house("many");
    block_on(async {
        for _ in 0..20 {
            let mut group = Vec::new();
            for _ in 0..500 {
                group.push(post::message(post::seal(&house.store, ONE).await.unwrap(), &[1]));
            }
            house.store.commit(group).await.unwrap();
        }
    });
    let mut ann = house.ann();
    assert_eq!(ann.ask_lines("LIST").len(), 10_000);
    let ids = ann.ask_lines("UIDL");
    let unique: std::collections::BTreeSet<_> = ids.iter().map(|l| l.split_once(' ').unwrap().1).collect();
    assert_eq!((ids.len(), unique.len()), (10_000, 10_000));
    let start = std::time::Instant::now();
    for n in 1..=10_000 {
        ann.ask_lines(&format!("RETR {n}"));
    }
    println!("10,000 RETR in {:?}", start.elapsed());
    (1..=10_000).for_each(|n| ann.write(&format!("DELE {n}\r\n")));
    (1..=10_000).for_each(|_| assert!(ann.read().starts_with("+OK")));
    assert_eq!(ann.ask("QUIT"), "+OK Bye, 10000 messages deleted");
    assert_eq!(house.ann().ask("STAT"), "+OK 0 0");
}

#[test]
fn a_large_message_comes_whole() {
    let house = house("large");
    let line = format!(".{}\r\n", "x".repeat(72));
    let message = format!("Subject: large\r\n\r\n{}", line.repeat(400_000));
    house.deliver(message.as_bytes());
    for mut ann in [house.ann(), {
        let mut tls = house.connect_tls();
        tls.login();
        tls
    }] {
        assert_eq!(ann.ask("RETR 1"), format!("+OK {} octets", message.len()));
        let lines = ann.lines();
        assert!(lines.len() == 400_002 && lines.join("\r\n") + "\r\n" == message);
        assert_eq!(ann.ask_lines("TOP 1 1").len(), 3);
        assert!(ann.ask("NOOP").starts_with("+OK"));
    }
}

#[test]
fn nonsense_is_answered_and_has_an_end() {
    let house = house("nonsense");
    let mut client = house.connect();
    assert_eq!(client.ask("STAT"), "-ERR Log in first");
    assert_eq!(client.ask("APOP ann x"), "-ERR Unknown command");
    assert_eq!(client.ask(""), "-ERR Unknown command");
    assert_eq!(client.ask(&"x".repeat(100_000)), "-ERR Line too long");
    client.login();
    assert_eq!(client.ask("USER ann"), "-ERR Logged in already");
    assert_eq!(client.ask("RETR one"), "-ERR Invalid arguments");
    assert_eq!(client.ask("TOP 1"), "-ERR Invalid arguments");
    for _ in 0..12 {
        assert_eq!(client.ask("NONSENSE \u{43f}"), "-ERR Unknown command");
    }
    assert_eq!(client.ask("NONSENSE"), "-ERR Too many invalid commands");
    assert!(client.at_end());
    house.until_told("Disconnected: Too many invalid commands");
}

#[test]
fn a_web_client_hears_nothing_more() {
    let house = house("http");
    let mut browser = house.connect();
    browser.write("POST / HTTP/1.1\r\nHost: x\r\n\r\nUSER ann\r\nPASS ann-pass-1\r\n");
    assert!(browser.at_end());
    house.until_told("Disconnected: A web client (no auth attempts");
}

#[test]
fn a_bare_lf_ends_a_command_too() {
    let house = house("lf");
    let mut client = house.connect();
    client.write("USER ann\nPASS ann-pass-1\nSTAT\n");
    assert!(client.read().starts_with("+OK") && client.read().starts_with("+OK"));
    assert_eq!(client.read(), "+OK 0 0");
}

#[test]
fn a_store_that_is_away_is_said_and_nothing_is_claimed() {
    let house = house("away");
    house.deliver(ONE);
    let mut ann = house.ann();
    ann.ask("DELE 1");
    block_on(house.store.close());
    assert_eq!(ann.ask("QUIT"), "-ERR [SYS/TEMP] Some messages could not be deleted");
    let mut late = house.connect();
    late.ask("USER ann");
    assert_eq!(late.ask("PASS ann-pass-1"), "-ERR [SYS/TEMP] Mail storage is not available now, try later");
    assert_eq!(late.ask("STAT"), "-ERR Log in first");
    house.until_told("Error: QUIT removes nothing: ");
}

#[test]
fn a_damaged_text_is_never_ended_as_if_it_were_whole() {
    let house = house("damage");
    house.deliver(ONE);
    let message = format!("Subject: large\r\n\r\n{}", "0123456789abcdef\r\n".repeat(60_000));
    house.deliver(message.as_bytes());
    // The last piece of each is spoilt on the disk.
    let bodies = house.scratch.path().join("mail/bodies");
    for file in std::fs::read_dir(bodies).unwrap().map(|f| f.unwrap().path()) {
        let mut octets = std::fs::read(&file).unwrap();
        for tail in [&b"..second\r\n"[..], b"abcdef\r\n"] {
            if let Some(at) = octets.windows(tail.len()).rposition(|w| w == tail) {
                octets[at] ^= 1;
            }
        }
        std::fs::write(&file, octets).unwrap();
    }
    let mut ann = house.ann();
    assert_eq!(ann.ask("RETR 1"), "-ERR [SYS/PERM] The stored mail is damaged, tell the administrator");
    assert_eq!(ann.ask("RETR 2"), format!("+OK {} octets", message.len()));
    let mut rest = Vec::new();
    ann.0.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > 500_000 && !rest.ends_with(b".\r\n"), "{}", rest.len());
    house.until_told("Error: message 2: a record is damaged");
    house.until_told("Disconnected: A message could not be read to its end");
}

#[test]
fn the_end_of_the_house_is_said() {
    let house = house("stop");
    let (mut idle, mut ann) = (house.connect(), house.ann());
    house.stop.set();
    for client in [&mut idle, &mut ann] {
        assert_eq!(client.read(), "-ERR [SYS/TEMP] The server is shutting down");
        assert!(client.at_end());
    }
    house.until_told("Server shutting down");
}

#[test]
fn removal_is_on_the_disk_when_quit_is_answered() {
    let house = house("durable");
    house.deliver(ONE);
    house.deliver(TWO);
    let mut ann = house.ann();
    ann.ask("DELE 1");
    assert_eq!(ann.ask("QUIT"), "+OK Bye, 1 messages deleted");
    block_on(house.store.close());
    let copy = scratch::Scratch::new("durable-copy");
    let status = Command::new("cp").arg("-r").arg(house.scratch.path()).arg(copy.path().join("all")).status();
    assert!(status.unwrap().success());
    let reopened = post::open(&copy.path().join("all"));
    let rows = block_on(post::list(&reopened, 1));
    assert_eq!(rows.iter().map(|r| r.uid).collect::<Vec<_>>(), [Uid(2)]);
}

#[test]
fn python_reads_and_deletes() {
    let house = house("python");
    house.deliver(ONE);
    house.deliver(TWO);
    let script = "import poplib, sys
p = poplib.POP3('127.0.0.1', int(sys.argv[1]), timeout=20)
assert 'STLS' in p.capa()
p.user('ann'); p.pass_('ann-pass-1')
assert p.stat()[0] == 2
assert p.retr(1)[1] == [b'Subject: one', b'', b'first', b'.', b'..second'], p.retr(1)
assert len(p.uidl()[1]) == 2 and len(p.list()[1]) == 2
assert p.top(2, 0)[1] == [b'Subject: two', b'']
p.dele(1); p.dele(2); p.rset(); p.dele(2)
p.quit()
";
    let run = Command::new("python3").args(["-c", script, &house.port().to_string()]).output();
    let run = run.expect("python3 is missing: apt install python3");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(house.ann().ask("STAT").starts_with("+OK 1 "));
}

#[test]
fn curl_reads_over_stls() {
    let house = house("curl");
    house.deliver(ONE);
    house.tls_mode(TlsMode::Required);
    let url = format!("pop3://127.0.0.1:{}", house.port());
    // Debian's curl knows no way to ask for USER and PASS where PLAIN is offered; poplib uses them.
    for login in ["AUTH=PLAIN", "AUTH=*"] {
        let run = Command::new("curl")
            .args(["-s", "--max-time", "20", "-k", "--ssl-reqd", "--login-options", login, "-u", "ann:ann-pass-1"])
            .arg(format!("{url}/1"))
            .output();
        let run = run.expect("curl is missing: apt install curl");
        assert!(run.stdout == ONE, "{login}: {:?} {}", run.status, String::from_utf8_lossy(&run.stderr));
    }
    let plain = Command::new("curl").args(["-s", "--max-time", "20", "-u", "ann:ann-pass-1", &url]).output().unwrap();
    assert!(!plain.status.success() && plain.stdout.is_empty());
}

/// GNU SASL's SCRAM, which nobody here wrote. The tunnel keeps neomutt from asking a person about the certificate.
#[test]
fn neomutt_proves_its_password_by_scram() {
    let house = house("neomutt");
    house.deliver(ONE);
    let home = house.scratch.path().join("home");
    std::fs::create_dir_all(home.join("Mail")).unwrap();
    let relay = "import os, socket, sys, threading
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
def up():
    while d := os.read(0, 65536): s.sendall(d)
threading.Thread(target=up, daemon=True).start()
while d := s.recv(65536): os.write(1, d)
";
    std::fs::write(home.join("relay.py"), relay).unwrap();
    let (port, dir) = (house.port(), home.display());
    let rc = format!(
        "set pop_user=ann pop_pass=ann-pass-1 pop_delete=no sleep_time=0 folder={dir}/Mail\n\
         set ssl_starttls=no ssl_force_tls=no tunnel_is_secure=yes tunnel=\"python3 {dir}/relay.py {port}\"\n\
         push \"<quit>y\"\n"
    );
    std::fs::write(home.join("rc"), rc).unwrap();
    let run = Command::new("timeout")
        .args(["20", "script", "-qc", &format!("neomutt -n -F {dir}/rc -f pop://127.0.0.1:{port}"), "/dev/null"])
        .env("HOME", &home)
        .env("TERM", "xterm")
        .stdin(std::process::Stdio::null())
        .output();
    let run = run.expect("script is missing: apt install bsdutils neomutt");
    let told = house.told().join("\n");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        told.contains("method=SCRAM-SHA-256, rip=127.0.0.1"),
        "is neomutt there (apt install neomutt)? {said}\n{told}"
    );
}
