//! Servers that nobody here wrote: Postfix' smtp-sink, aiosmtpd with STARTTLS, Dovecot's LMTP.

use std::{
    fs,
    io::Write,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use gatepost::{
    net::Identity,
    remote::smtp::{Fields, Outcome, Sign, Target, Verdict},
    rt::block_on,
    types::{BodyReader, Hop, HopTls, UnixTime},
};

use crate::{
    common::{TempDir, free_port},
    world::{PATIENCE, World, direct, job},
};

/// A program that is ended with the test.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn start(command: &mut Command, port: u16) -> Running {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running =
        Running(quiet.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}: scripts/install-test-tools --bench")));
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(running.0.try_wait().unwrap().is_none(), "{command:?} ended");
        assert!(began.elapsed() < Duration::from_secs(60), "{command:?} does not listen");
        thread::sleep(Duration::from_millis(50));
    }
    running
}

fn smtp_sink(dir: &Path, port: u16, flags: &[&str]) -> Running {
    let mut command = Command::new("/usr/sbin/smtp-sink");
    command
        .current_dir(dir)
        .args(flags)
        .args(["-u", "root", "-d", "mail."])
        .arg(format!("127.0.0.1:{port}"))
        .arg("100");
    start(&mut command, port)
}

fn is_delivered(outcome: &Outcome) -> bool {
    matches!(outcome.verdict, Verdict::Delivered { .. })
}

/// Files of a directory whose name begins so.
fn files(dir: &Path, begin: &str) -> Vec<String> {
    let all = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let fits = |path: &PathBuf| path.is_file() && path.file_name().unwrap().to_string_lossy().starts_with(begin);
    all.filter(fits).map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
}

#[test]
fn smtp_sink_gets_every_message_whole_over_one_connection() {
    let (dir, port) = (TempDir::new(), free_port());
    let _sink = smtp_sink(dir.path(), port, &["-8"]);
    let world = World::at(port, PATIENCE);
    let large = "0123456789 and a dot at the beginning\r\n.of a line\r\n".repeat(4000);
    for n in 0..20 {
        let text = format!("Subject: number {n}\r\n\r\n{}", if n == 7 { &large } else { "short\r\n..\r\n" });
        let job = job(direct("example.test"), &["bob@example.test", "eva@example.test"], text.as_bytes());
        let outcomes = block_on(world.pool.carry(&job));
        assert!(outcomes.len() == 2 && outcomes.iter().all(is_delivered), "{outcomes:?}");
    }
    let reused = world.tap.newest(100).iter().filter(|d| d.lines[0].text.contains("is used again")).count();
    assert_eq!(reused, 19, "connections were not used again");
    let got = files(dir.path(), "mail.");
    assert_eq!(got.len(), 20);
    for n in 0..20 {
        let found = got.iter().find(|mail| mail.contains(&format!("Subject: number {n}\n"))).unwrap();
        assert!(found.contains("eva@example.test"));
        let text = if n == 7 { large.replace("\r\n", "\n") } else { "short\n..\n".to_owned() };
        assert!(found.contains(&text), "{found:.300}");
    }
}

/// What Python's email package reads of a message: each leaf's type and its text or octets, in hexadecimal digits.
const READER: &str = "import sys, email, email.policy\n\
    m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
    for part in m.walk():\n    \
        if part.defects: sys.exit(str(part.defects))\n    \
        if not part.is_multipart(): print(part.get_content_type(), part.get_payload(decode=True).hex())\n";

fn read_by_python(mail: &str) -> Vec<String> {
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", READER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    python.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
    let done = python.wait_with_output().unwrap();
    assert!(done.status.success());
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Says how long the text is that it was shown.
struct Measure;

impl Sign for Measure {
    fn fields<'a>(&'a self, text: &'a dyn BodyReader, skip: u64) -> Fields<'a> {
        Box::pin(async move { Ok(format!("X-Signed: {} octets\r\n", text.len() - skip).into_bytes()) })
    }
}

/// smtp-sink with `-8` does not know 8BITMIME (RFC 6152 s3).
#[test]
fn a_server_of_seven_bits_gets_the_same_in_base64_and_a_signed_message_comes_back() {
    let (dir, port) = (TempDir::new(), free_port());
    let _sink = smtp_sink(dir.path(), port, &["-8"]);
    let world = World::at(port, PATIENCE);
    let head = "From: ann@office.test\r\nSubject: seven\r\nMIME-Version: 1.0\r\n";
    let (cyrillic, picture) =
        ("\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}\r\n".repeat(5000), "\u{ff}\u{d8}\u{ff}\r\n.\r\n");
    let eight = "Content-Transfer-Encoding: 8bit\r\n";
    let parts = format!(
        "{head}{eight}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
         {eight}\r\n{cyrillic}\r\n--b\r\n\r\n.plain\r\n..\r\n--b\r\nContent-Type: message/rfc822\r\n{eight}\r\n\
         {head}Content-Type: image/jpeg\r\n{eight}\r\n{picture}\r\n--b--\r\n"
    );
    let mut message = job(direct("example.test"), &["bob@example.test"], parts.as_bytes());
    message.prefix = b"X-Signed: not yet\r\n".to_vec();
    message.signer = Some(Arc::new(Measure));
    let outcomes = block_on(world.pool.carry(&message));
    assert!(outcomes.len() == 1 && outcomes.iter().all(is_delivered), "{outcomes:?}");
    let said: Vec<String> = world.tap.newest(1)[0].lines.iter().map(|line| line.text.to_string()).collect();
    assert!(said.iter().any(|line| line.starts_with("8BITMIME is not offered")), "{said:#?}");
    let got = files(dir.path(), "mail.").pop().unwrap();
    assert!(got.is_ascii() && got.matches("Content-Transfer-Encoding: 7bit\n").count() == 2);
    let leaf = |kind: &str, text: &str, end: &str| {
        let octets = text.replace("\r\n", end);
        format!("{kind} {}", octets.bytes().map(|b| format!("{b:02x}")).collect::<String>())
    };
    let wanted = [
        leaf("text/plain", &cyrillic, "\r\n"),
        leaf("text/plain", ".plain\r\n..", "\n"),
        leaf("image/jpeg", picture, "\r\n"),
    ];
    assert!(read_by_python(&got) == wanted, "{got:.2000}");
    // It was signed as it left: each line end is one octet longer there than in the file.
    let sent = got[got.find("X-Signed: ").unwrap()..].split_once('\n').unwrap();
    let octets = sent.1.trim_end_matches('\n').replace('\n', "\r\n").len() + 2;
    assert_eq!(sent.0, format!("X-Signed: {octets} octets"));
    let signed = parts.replace("multipart/mixed", "multipart/signed");
    let outcomes = block_on(world.pool.carry(&job(direct("example.test"), &["bob@example.test"], signed.as_bytes())));
    let [Outcome { verdict: Verdict::Never(answer), .. }] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    let begin = format!(
        "8BITMIME is required, but was not offered by host mx.example.test[127.0.0.1]:{port}: its author signed it"
    );
    assert!(&*answer.status == "5.6.3" && answer.text.starts_with(&begin), "{answer:?}");
    // The connection is as good as before.
    let plain = job(direct("example.test"), &["bob@example.test"], b"Subject: a\r\n\r\nb\r\n");
    assert!(block_on(world.pool.carry(&plain)).iter().all(is_delivered));
}

/// smtp-sink can be told to refuse or to hang up at a command.
#[test]
fn smtp_sink_refuses_and_hangs_up_at_every_command() {
    for (flags, never, code) in [
        (&["-f", "RCPT"][..], true, 500),
        (&["-r", "RCPT"], false, 450),
        (&["-f", "MAIL"], true, 500),
        (&["-r", "MAIL"], false, 450),
        (&["-f", "DATA"], true, 500),
        (&["-r", "DATA"], false, 450),
        (&["-f", "."], true, 500),
        (&["-r", "."], false, 450),
        (&["-q", "connect"], false, 0),
        (&["-q", "EHLO"], false, 0),
        (&["-q", "MAIL"], false, 0),
        (&["-q", "RCPT"], false, 0),
        (&["-q", "DATA"], false, 0),
        (&["-q", "."], false, 0),
        (&["-p", "-q", "RCPT"], false, 0),
    ] {
        let (dir, port) = (TempDir::new(), free_port());
        let _sink = smtp_sink(dir.path(), port, flags);
        let world = World::at(port, PATIENCE);
        let outcomes =
            block_on(world.pool.carry(&job(direct("example.test"), &["bob@example.test"], b"Subject: a\r\n\r\nb\r\n")));
        let [Outcome { verdict, .. }] = outcomes.as_slice() else { panic!("{outcomes:?}") };
        assert_eq!(matches!(verdict, Verdict::Never(_)), never, "{flags:?}: {verdict:?}");
        assert!(!matches!(verdict, Verdict::Delivered { .. }), "{flags:?}: {verdict:?}");
        assert_eq!(verdict.answer().code, code, "{flags:?}: {verdict:?}");
    }
}

#[test]
fn aiosmtpd_takes_mail_over_tls_in_every_script() {
    let (dir, port) = (TempDir::new(), free_port());
    let (chain, key) = Identity::self_signed(&["mx.example.test".into()], UnixTime(1_780_000_000)).unwrap();
    let (cert_file, key_file, maildir) =
        (dir.path().join("cert.pem"), dir.path().join("key.pem"), dir.path().join("mail"));
    fs::write(&cert_file, chain).unwrap();
    fs::write(&key_file, key).unwrap();
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-m", "aiosmtpd", "-n", "-u", "-l", &format!("127.0.0.1:{port}")]);
    command.arg("--tlscert").arg(&cert_file).arg("--tlskey").arg(&key_file);
    command.args(["-c", "aiosmtpd.handlers.Mailbox"]).arg(&maildir);
    let _server = start(&mut command, port);
    let world = World::at(port, PATIENCE);
    let text = "Subject: \u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}\r\n\r\n.\u{434}\u{430}\r\n..\r\n";
    let mut job = job(
        direct("example.test"),
        &["bob@example.test", "\u{431}\u{43e}\u{440}\u{438}\u{441}@example.test"],
        text.as_bytes(),
    );
    job.terms.utf8 = true;
    let outcomes = block_on(world.pool.carry(&job));
    let said: Vec<String> = world.tap.newest(1)[0].lines.iter().map(|line| line.text.to_string()).collect();
    assert!(outcomes.len() == 2 && outcomes.iter().all(is_delivered), "{outcomes:?}\n{said:#?}");
    assert!(said.iter().any(|line| line.starts_with("TLS is up: TLSv1.3")), "{said:#?}");
    let told: Vec<String> = world.journal.newest(9).iter().map(|line| line.line.text.clone()).collect();
    let begin =
        format!("Untrusted TLS connection established to mx.example.test[127.0.0.1]:{port}: TLSv1.3 with cipher ");
    assert!(told.iter().any(|line| line.starts_with(&begin)), "{told:?}");
    let got = files(&maildir.join("new"), "");
    assert!(got.len() == 1 && got[0].contains("\n.\u{434}\u{430}\n..\n"), "{got:?}");
    // Python's own form of "bob@example.test, \u{431}\u{43e}\u{440}\u{438}\u{441}@example.test".
    assert!(
        got[0].contains("X-RcptTo: =?utf-8?b?Ym9iQGV4YW1wbGUudGVzdCwg0LHQvtGA0LjRgUBleGFtcGxlLnRlc3Q=?="),
        "{got:?}"
    );
}

/// Dovecot with LMTP on TCP, mailboxes `ann` and `bob` of office.test.
struct Dovecot {
    dir: Arc<TempDir>,
    port: u16,
}

impl Dovecot {
    fn start() -> Dovecot {
        let (dir, port) = (Arc::new(TempDir::new()), free_port());
        let at = dir.path().display();
        let id = |flag: &str| {
            let out = Command::new("id").args([flag, "mail"]).output().unwrap();
            String::from_utf8_lossy(&out.stdout).trim().to_owned()
        };
        let (uid, gid) = (id("-u"), id("-g"));
        let user = |name: &str| format!("{name}@office.test:{{PLAIN}}x:{uid}:{gid}::{at}/mail/{name}::\n");
        fs::write(dir.path().join("passwd"), user("ann") + &user("bob")).unwrap();
        let config = format!(
            "base_dir = {at}/run\nstate_dir = {at}/run\ninstance_name = gatepost-{port}\nlog_path = {at}/log\nprotocols = lmtp\n\
             listen = 127.0.0.1\nssl = no\nmail_location = maildir:{at}/mail/%n\nmail_uid = {uid}\nmail_gid = {gid}\n\
             first_valid_uid = {uid}\nfirst_valid_gid = {gid}\n\
             passdb {{\n  driver = passwd-file\n  args = username_format=%u {at}/passwd\n}}\n\
             userdb {{\n  driver = passwd-file\n  args = username_format=%u {at}/passwd\n}}\n\
             service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {port}\n  }}\n}}\n"
        );
        fs::write(dir.path().join("dovecot.conf"), config).unwrap();
        fs::create_dir(dir.path().join("mail")).unwrap();
        for path in [dir.path().to_owned(), dir.path().join("mail")] {
            std::os::unix::fs::chown(path, Some(uid.parse().unwrap()), Some(gid.parse().unwrap())).unwrap();
        }
        let started = Command::new("dovecot").arg("-c").arg(dir.path().join("dovecot.conf")).status();
        assert!(started.is_ok_and(|status| status.success()), "dovecot: scripts/install-test-tools --bench");
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "{}",
                fs::read_to_string(dir.path().join("log")).unwrap()
            );
            thread::sleep(Duration::from_millis(50));
        }
        Dovecot { dir, port }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let _ = Command::new("doveadm").arg("-c").arg(self.dir.path().join("dovecot.conf")).arg("stop").status();
    }
}

#[test]
fn dovecot_answers_for_each_recipient_over_lmtp() {
    let dovecot = Dovecot::start();
    let world = World::at(25, PATIENCE);
    let hop = Hop { host: "127.0.0.1".into(), port: dovecot.port, tls: HopTls::Off };
    let to = ["ann@office.test", "nobody@office.test", "bob@office.test"];
    let job = job(Target::Lmtp(hop), &to, b"Subject: a\r\n\r\n.b\r\n");
    let outcomes = block_on(world.pool.carry(&job));
    let verdict = |n: u64| &outcomes.iter().find(|outcome| outcome.id.0 == n).unwrap().verdict;
    assert!(matches!(verdict(1), Verdict::Delivered { .. }), "{outcomes:?}");
    assert!(matches!(verdict(2), Verdict::Never(answer) if answer.code == 550), "{outcomes:?}");
    assert!(matches!(verdict(3), Verdict::Delivered { .. }), "{outcomes:?}");
    for name in ["ann", "bob"] {
        let got = files(&dovecot.dir.path().join("mail").join(name).join("new"), "");
        assert!(got.len() == 1 && got[0].ends_with("Subject: a\n\n.b\n"), "{got:?}");
    }
}
