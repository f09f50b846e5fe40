//! The subcommands of the real binary, against the administration over a real store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "admin_parts/client.rs"]
mod client;
#[path = "admin_parts/house.rs"]
mod house;
#[path = "common/ports.rs"]
mod ports;
#[path = "common/scratch.rs"]
mod scratch;
#[path = "admin_parts/shape.rs"]
mod shape;

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use house::House;
use ports::free_port;
use serde_json::{Value, json};

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// Runs the binary on a state directory with something on its standard input.
fn gatepost(state: &Path, line: &[&str], input: &str) -> Said {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .args(line)
        .env("GATEPOST_STATE", state)
        .env("LANG", "C")
        .env_remove("LC_ALL")
        .env_remove("LC_MESSAGES")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A subcommand that needs no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let done = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
}

fn ok(house: &House, line: &[&str], input: &str) -> String {
    let said = gatepost(&house.state(), line, input);
    assert_eq!(said.code, 0, "{line:?}: {} {}", said.out, said.err);
    said.out
}

fn refused(house: &House, line: &[&str], input: &str, code: i32) -> String {
    let said = gatepost(&house.state(), line, input);
    assert_eq!(said.code, code, "{line:?}: {} {}", said.out, said.err);
    assert_eq!(said.out, "", "{line:?}");
    said.err
}

fn office(name: &str) -> House {
    let house = House::start(name);
    ok(&house, &["domain", "add", "office.test"], "");
    ok(&house, &["mailbox", "add", "ann@office.test", "--quota", "2G", "--owner", "Ann"], "correct horse\n");
    house
}

#[test]
fn an_administrator_sets_up_an_office_from_the_command_line() {
    let house = office("cli-office");
    ok(&house, &["mailbox", "add", "bob@office.test"], "battery staple");
    ok(&house, &["alias", "add", "sales@office.test", "ann@office.test", "bob@office.test"], "");
    ok(&house, &["domain", "catch-all", "office.test", "sales@office.test"], "");
    ok(&house, &["admin", "add", "root"], "correct horse\r\n");
    ok(&house, &["mailbox", "disable", "bob@office.test"], "");
    ok(&house, &["mailbox", "quota", "bob@office.test", "500M"], "");
    let list = ok(&house, &["mailbox", "list"], "");
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines[1], "ann@office.test  0         0 B   2.0 GB  yes    Ann");
    assert_eq!(lines[2], "bob@office.test  0         0 B   500 MB  no     -");
    assert!(ok(&house, &["domain", "list"], "").contains("office.test  2          1        sales@office.test"));
    assert!(ok(&house, &["alias", "list"], "").contains("sales@office.test  ann@office.test, bob@office.test"));
    assert!(ok(&house, &["mailbox", "folders", "ann@office.test"], "").contains("Junk    Junk"));
    let ann = house.credential("ann@office.test");
    assert!(gatepost::wire::scram::verify_password(&ann, "correct horse"), "the line end is no part of the password");
    ok(&house, &["domain", "catch-all", "office.test", "none"], "");
    ok(&house, &["alias", "set", "sales@office.test", "ann@office.test"], "");
    ok(&house, &["mailbox", "remove", "bob@office.test"], "");
    ok(&house, &["mailbox", "password", "ann@office.test"], "another horse\n");
    ok(&house, &["mailbox", "enable", "ann@office.test"], "");
    ok(&house, &["mailbox", "owner", "ann@office.test", "Анна Ивановна"], "");
    assert!(ok(&house, &["mailbox", "list", "--json"], "").contains("Анна Ивановна"));
    ok(&house, &["domain", "remove", "office.test", "--purge"], "");
    assert_eq!(ok(&house, &["domain", "list", "--json"], "").trim(), "{\"domains\":[]}");
}

#[test]
fn settings_are_changed_all_or_none_and_can_go_back() {
    let house = House::start("cli-settings");
    assert_eq!(ok(&house, &["settings", "get", "smtp.port"], "").trim(), "25");
    assert_eq!(
        ok(&house, &["settings", "set", "smtp.port=2525", "mailbox.folders=Sent, Спам"], "").trim(),
        "saved as version 1"
    );
    assert_eq!(ok(&house, &["settings", "get", "mailbox.folders"], "").trim(), "Sent, Спам");
    let err = refused(&house, &["settings", "set", "smtp.port=2526", "pop3.prt=1"], "", 1);
    assert!(err.contains("pop3.prt is no setting; did you mean pop3.port?"), "{err}");
    assert_eq!(ok(&house, &["settings", "get", "smtp.port"], "").trim(), "2525", "none of them was saved");
    assert_eq!(ok(&house, &["settings", "set", "smtp.port=2525"], "").trim(), "nothing differs");
    ok(&house, &["settings", "reset", "smtp.port"], "");
    let versions = ok(&house, &["settings", "versions"], "");
    assert!(versions.contains("smtp.port reset") && versions.contains("smtp.port=2525"), "{versions}");
    ok(&house, &["settings", "rollback", "1"], "");
    let list = ok(&house, &["settings", "list", "--changed"], "");
    assert!(list.contains("*  smtp.port") && !list.contains("pop3.port"), "{list}");
    let all: Value = serde_json::from_str(&ok(&house, &["settings", "list", "--json"], "")).unwrap();
    assert_eq!(
        (all["rev"].clone(), all["settings"].as_array().unwrap().len()),
        (json!(3), gatepost::settings::TABLE.len())
    );
}

#[test]
fn certificates_come_from_files_and_from_standard_input() {
    let house = House::start("cli-certificates");
    let (chain, key) = gatepost::net::Identity::self_signed(&["mail.office.test".to_owned()], house.now()).unwrap();
    let (chain_file, key_file) = (house.state().join("chain.pem"), house.state().join("key.pem"));
    std::fs::write(&chain_file, &chain).unwrap();
    std::fs::write(&key_file, &key).unwrap();
    let files = [chain_file.to_str().unwrap(), key_file.to_str().unwrap()];
    let said = ok(&house, &["certificate", "upload", "mail", files[0], files[1]], "");
    assert!(said.contains("certificate mail stored, for mail.office.test"), "{said}");
    ok(&house, &["certificate", "upload", "piped", "-"], &(key + &chain));
    ok(&house, &["settings", "set", "tls.smtp.certificate=mail"], "");
    let list = ok(&house, &["certificate", "list"], "");
    assert!(list.contains("mail.office.test") && list.contains("tls.smtp.certificate"), "{list}");
    let err = refused(&house, &["certificate", "remove", "mail"], "", 1);
    assert!(
        err.contains("is used by the setting tls.smtp.certificate") && err.contains("what to do: choose another"),
        "{err}"
    );
    ok(&house, &["certificate", "self-signed", "own", "--host", "a.test", "--host", "10.0.0.1"], "");
    let err = refused(&house, &["certificate", "upload", "none", "/nonexistent.pem"], "", 1);
    assert!(err.contains("/nonexistent.pem cannot be read"), "{err}");
}

#[test]
fn every_failure_says_what_happened_and_what_to_do_and_has_its_exit_code() {
    let house = office("cli-failures");
    for (line, input, code, what, todo) in [
        (
            &["mailbox", "add", "x@office.test"][..],
            "short\n",
            1,
            "password is too short: it needs 8 characters",
            "correct it",
        ),
        (&["mailbox", "add", "x@office.test"], "", 1, "password must not be empty", "correct it"),
        (
            &["mailbox", "add", "x@else.test"],
            "correct horse",
            1,
            "else.test is no domain of this server",
            "add it first",
        ),
        (&["alias", "add", "ann@office.test", "ann@office.test"], "", 1, "is a mailbox already", "choose another"),
        (&["domain", "remove", "office.test"], "", 1, "has mailboxes (1) and aliases (0)", "with purge"),
        (&["mailbox", "add"], "", 2, "ADDRESS is missing", "usage: gatepost mailbox add ADDRESS"),
        (&["mailbox", "ad"], "", 2, "there is no subcommand 'mailbox ad'", "gatepost help"),
        (&["mailbox", "quota", "ann@office.test", "lots"], "", 2, "'lots' is no size", "500M"),
        (
            &["status", "--state", "/nonexistent"],
            "",
            3,
            "no server answers at /nonexistent/admin.sock",
            "gatepost serve",
        ),
    ] {
        let err = refused(&house, line, input, code);
        assert!(err.contains(what) && err.contains("what to do: ") && err.contains(todo), "{line:?}: {err}");
    }
    let err = refused(&house, &["mailbox", "add", "x@office.test", "--json"], "short\n", 1);
    assert_eq!(serde_json::from_str::<Value>(&err).unwrap()["field"], "password", "{err}");
}

#[test]
fn status_and_journal_are_for_people_and_for_programs() {
    let house = office("cli-status");
    let status = ok(&house, &["status"], "");
    assert!(
        status.contains("1 mailbox and 0 aliases in 1 domain\n") && status.contains("ports: smtp 25, "),
        "{status}"
    );
    assert!(status.contains("\nPOP3/DIMAP runs on port 110/143\n"), "{status}");
    let status: Value = serde_json::from_str(&ok(&house, &["--json", "status"], "")).unwrap();
    assert_eq!(status["mailboxes"], 1);
    let journal = ok(&house, &["journal"], "");
    assert!(
        journal.contains("gatepost: mailbox ann@office.test added with a quota of 2147483648 octets (by "),
        "{journal}"
    );
    assert!(!journal.contains("correct horse"));
    let today = ok(&house, &["journal", "--day", "today", "--search", "DOMAIN"], "");
    assert!(today.contains("domain office.test added") && !today.contains("mailbox ann"), "{today}");
    let csv = ok(&house, &["journal", "--export", "csv"], "");
    assert!(csv.starts_with("time,severity,program,message\r\n"), "{csv}");
    house.desk().house().board.put("smtp:25", gatepost::rt::Light::Red, "the port is taken");
    assert_eq!(gatepost(&house.state(), &["status"], "").code, 1, "a red line is an exit code");
}

#[test]
fn the_store_is_checked_through_the_server_and_on_its_files_and_salvaged() {
    let mut house = office("cli-check");
    let id = house.mailbox("ann@office.test").id;
    for n in 0..5 {
        house.deliver(id, format!("Subject: {n}\r\n\r\nhello\r\n").as_bytes());
    }
    assert!(ok(&house, &["check"], "").starts_with("5 messages, 5 records, 0 in the index"));
    assert!(ok(&house, &["reindex"], "").starts_with("5 records made from"));
    assert!(ok(&house, &["check"], "").starts_with("5 messages, 5 records, 5 in the index"));
    house.close();
    assert!(ok(&house, &["check"], "").contains("all whole"), "on the files");
    assert!(ok(&house, &["reindex"], "").starts_with("5 records made from"), "on the files");
    assert!(ok(&house, &["check"], "").contains("5 in the index"), "on the files");
    let to = house.state().join("salvaged");
    let said = ok(&house, &["salvage", "--to", to.to_str().unwrap()], "");
    assert!(said.contains("5 messages brought out"), "{said}");
    let volume = std::fs::read_dir(house.mail().join("bodies")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&volume).unwrap();
    let at = bytes.windows(5).position(|w| w == b"hello").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&volume, bytes).unwrap();
    let said = gatepost(&house.state(), &["check"], "");
    assert!(said.code == 1 && said.out.contains("damaged: "), "{} {}", said.out, said.err);
    let missing = gatepost(&house.state(), &["salvage"], "");
    assert!(missing.code == 2 && missing.err.contains("--to DIR is missing"));
}

#[test]
fn help_needs_no_server_and_names_every_subcommand() {
    let state = Path::new("/nonexistent");
    let help = gatepost(state, &["help"], "").out;
    for words in [
        "domain add",
        "mailbox password",
        "settings set",
        "certificate upload",
        "journal",
        "check",
        "reindex",
        "salvage",
    ] {
        assert!(help.contains(words), "{words}");
    }
    assert!(gatepost(state, &["mailbox", "add", "--help"], "").out.contains("--quota SIZE"));
    assert!(gatepost(state, &["settings", "help", "tls.smtp"], "").out.contains("off, opportunistic, required"));
    assert!(gatepost(state, &["version"], "").out.starts_with("gatepost 0."));
}

/// A real `gatepost serve`.
struct Served {
    scratch: scratch::Scratch,
    process: Option<std::process::Child>,
    smtp: u16,
}

fn greets(port: u16) -> bool {
    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut three = [0; 3];
    std::io::Read::read_exact(&mut stream, &mut three).is_ok() && &three == b"220"
}

fn soon(what: impl Fn() -> bool) -> bool {
    (0..300).any(|_| {
        let done = what();
        if !done {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        done
    })
}

impl Served {
    fn start(name: &str) -> Self {
        let mut served = Served { scratch: scratch::Scratch::new(name), process: None, smtp: free_port() };
        served.again();
        served
    }

    fn state(&self) -> std::path::PathBuf {
        self.scratch.path().join("state")
    }

    fn again(&mut self) {
        let smtp = format!("smtp.port={}", self.smtp);
        let first = [
            smtp.as_str(),
            "smtp.submission.port=0",
            "pop3.port=0",
            "imap.port=0",
            "http.port=0",
            "http.ssl.port=0",
            "tls.ssl=off",
            "smtp.interfaces=127.0.0.1",
            "syslog.local=off",
        ];
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.args(["serve", "--allow-root", "--state"]).arg(self.state());
        for pair in first {
            command.args(["--first", pair]);
        }
        self.process = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        assert!(soon(|| gatepost(&self.state(), &["status"], "").code == 0), "it does not come up");
    }

    fn ok(&self, line: &[&str], input: &str) -> String {
        let said = gatepost(&self.state(), line, input);
        assert_eq!(said.code, 0, "{line:?}: {} {}", said.out, said.err);
        said.out
    }

    fn end(&mut self, signal: rustix::process::Signal) -> std::process::ExitStatus {
        let mut process = self.process.take().unwrap();
        let pid = rustix::process::Pid::from_child(&process);
        rustix::process::kill_process(pid, signal).unwrap();
        process.wait().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.end(rustix::process::Signal::KILL);
        }
    }
}

#[test]
fn a_port_is_moved_while_the_server_runs_and_a_taken_one_is_refused() {
    let served = Served::start("served-ports");
    assert!(greets(served.smtp));
    let other = free_port();
    served.ok(&["settings", "set", &format!("smtp.port={other}")], "");
    assert!(soon(|| greets(other)) && soon(|| !greets(served.smtp)));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let pair = format!("smtp.port={}", taken.local_addr().unwrap().port());
    let said = gatepost(&served.state(), &["settings", "set", &pair, "journal.days=7"], "");
    assert!(said.code == 1 && said.err.contains("smtp.port cannot be opened"), "{}", said.err);
    assert_eq!(served.ok(&["settings", "get", "journal.days"], "").trim(), "90", "nothing of it was saved");
    assert!(greets(other), "the old port still listens");
    served.ok(&["settings", "rollback", "1"], "");
    assert!(soon(|| greets(served.smtp)));
}

#[test]
fn what_was_set_up_is_there_after_a_stop_and_after_a_kill() {
    let mut served = Served::start("served-again");
    served.ok(&["domain", "add", "office.test"], "");
    served.ok(&["mailbox", "add", "ann@office.test"], "correct horse\n");
    let before = served.ok(&["mailbox", "list"], "");
    assert!(served.end(rustix::process::Signal::TERM).success(), "a stop is no failure");
    assert_eq!(gatepost(&served.state(), &["status"], "").code, 3);
    served.again();
    assert_eq!(served.ok(&["mailbox", "list"], ""), before);
    served.end(rustix::process::Signal::KILL);
    assert!(served.state().join("admin.sock").exists(), "a killed server leaves its socket behind");
    assert_eq!(gatepost(&served.state(), &["status"], "").code, 3);
    served.again();
    assert_eq!(served.ok(&["mailbox", "list"], ""), before);
    let first = served.ok(&["settings", "versions", "--json"], "");
    assert_eq!(
        serde_json::from_str::<Value>(&first).unwrap()["versions"].as_array().unwrap().len(),
        1,
        "--first counts once"
    );
}

/// What AUTH PLAIN is answered.
fn auth(port: u16, name: &str, password: &str) -> String {
    use std::io::{BufRead, BufReader};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let plain = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("\0{name}\0{password}"));
    stream.write_all(format!("EHLO client.test\r\nAUTH PLAIN {plain}\r\nQUIT\r\n").as_bytes()).unwrap();
    let lines: Vec<String> = BufReader::new(stream).lines().map_while(Result::ok).collect();
    lines[lines.len() - 2].clone()
}

/// Section 7 of the design. The hash is `ann-pass-1` by the C library's crypt.
#[test]
fn a_hash_brought_from_elsewhere_lets_in_and_is_replaced_by_one_of_ours() {
    const HASH: &str = "$5$saltsalt$0isE1Uv9JKgMDYAUwESwdd5MWRhWSKU350MCK/JB8E1";
    let mut served = Served::start("served-hash");
    served.ok(&["domain", "add", "office.test"], "");
    served.ok(&["mailbox", "add", "ann@office.test", "--hash"], HASH);
    for bad in ["$1$salt$abc", "$5$rounds=900000000$saltsalt$0isE1Uv9JKgMDYAUwESwdd5MWRhWSKU350MCK/JB8E1"] {
        let said = gatepost(&served.state(), &["mailbox", "password", "ann@office.test", "--hash"], bad);
        assert!(said.code == 1 && said.err.contains("password_hash is no $5$ or $6$ hash"), "{}", said.err);
    }
    let replaced = |served: &Served| {
        served.ok(&["journal"], "").contains("the imported hash of mailbox ann@office.test is replaced")
    };
    assert!(auth(served.smtp, "ann@office.test", "ann-pass-2").starts_with("535"));
    assert!(!replaced(&served));
    assert!(auth(served.smtp, "ann@office.test", "ann-pass-1").starts_with("235"));
    assert!(soon(|| replaced(&served)), "{}", served.ok(&["journal"], ""));
    assert!(auth(served.smtp, "ann@office.test", "ann-pass-1").starts_with("235"), "the same password, our hash");
    served.end(rustix::process::Signal::KILL);
    served.again();
    assert!(auth(served.smtp, "ann@office.test", "ann-pass-1").starts_with("235"));
}

#[test]
fn a_second_server_on_the_same_state_is_refused() {
    let served = Served::start("served-twice");
    let second = gatepost(&served.state(), &["serve", "--allow-root"], "");
    assert!(second.code == 1 && second.err.contains("in use"), "{}", second.err);
    served.ok(&["status"], "");
}

#[test]
fn dkim_keys_are_shown_ready_to_copy() {
    let house = House::start("cli-dkim");
    ok(&house, &["domain", "add", "office.test"], "");
    let mut shown = std::iter::repeat_with(|| ok(&house, &["dkim", "show", "office.test"], "")).take(300);
    let text = shown.find(|text| text.contains("signing")).unwrap();
    assert!(text.contains("_domainkey.office.test. IN TXT ( \"v=DKIM1; k=rsa; p="), "{text}");
    let told = ok(&house, &["dkim", "make", "office.test"], "");
    assert!(told.contains("gatepost dkim use office.test") && told.contains("next"), "{told}");
    assert!(ok(&house, &["dkim", "use", "office.test"], "").contains("old"));
    let said = refused(&house, &["dkim", "use", "office.test"], "", 1);
    assert!(said.contains("make them and publish their records first"), "{said}");
    assert!(refused(&house, &["dkim", "show", "else.test"], "", 1).contains("there is no domain else.test"));
}
