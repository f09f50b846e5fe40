//! Programs that send: swaks, curl, msmtp, Python's smtplib, neomutt.

use crate::{
    common::{BOB, House, TempDir},
    tools::{Said, Tool, arrived, body_of, mailbox, message, unix},
};

fn swaks(house: &House, port: u16, more: &[&str], mark: &str) -> Said {
    let home = TempDir::new();
    let tool = Tool::new("swaks", "swaks", home.path());
    let server = format!("127.0.0.1:{port}");
    // It puts a line end behind the data itself.
    let file = tool.file("message", unix(&message(mark)).trim_end().as_bytes());
    let data = format!("@{}", file.display());
    let mut args =
        vec!["--server", &server, "--ehlo", "client.test", "--from", "bob@office.test", "--to", "ann@office.test"];
    args.extend(["--data", &data]);
    args.extend(more);
    let said = tool.run(&args, b"");
    println!("{}", said.text);
    assert!(said.good, "{}\n{:#?}", said.text, house.journal());
    said
}

#[test]
fn swaks_sends_plain() {
    let house = House::start();
    swaks(&house, house.ports.smtp.port(), &[], "swaks-plain");
    arrived(&house, "swaks-plain");
}

#[test]
fn swaks_sends_pipelined() {
    let house = House::start();
    swaks(&house, house.ports.smtp.port(), &["--pipeline"], "swaks-pipeline");
    arrived(&house, "swaks-pipeline");
}

#[test]
fn swaks_starts_tls_on_25() {
    let house = House::start();
    let said = swaks(&house, house.ports.smtp.port(), &["--tls"], "swaks-tls");
    assert!(said.text.contains("TLS started"), "{}", said.text);
    arrived(&house, "swaks-tls");
}

#[test]
fn swaks_logs_in_by_plain_after_starttls_on_587() {
    let house = House::start();
    let login = ["--tls", "--auth", "PLAIN", "--auth-user", BOB.0, "--auth-password", BOB.1];
    let said = swaks(&house, house.ports.submission.port(), &login, "swaks-auth-plain");
    assert!(said.text.contains("235 2.7.0"), "{}", said.text);
    arrived(&house, "swaks-auth-plain");
}

#[test]
fn swaks_logs_in_by_login_on_465() {
    let house = House::start();
    let login = ["--tls-on-connect", "--auth", "LOGIN", "--auth-user", BOB.0, "--auth-password", BOB.1];
    let said = swaks(&house, house.ports.smtps.port(), &login, "swaks-auth-login");
    assert!(said.text.contains("235 2.7.0"), "{}", said.text);
    arrived(&house, "swaks-auth-login");
}

#[test]
fn swaks_hears_that_the_password_is_wrong() {
    let house = House::start();
    let home = TempDir::new();
    let server = format!("127.0.0.1:{}", house.ports.submission.port());
    let args = ["--server", &server, "--tls", "--auth", "PLAIN", "--auth-user", BOB.0, "--auth-password", "wrong"];
    let said = Tool::new("swaks", "swaks", home.path()).run(&[&args[..], &["--to", "ann@office.test"]].concat(), b"");
    assert!(!said.good && said.text.contains("535 5.7.8"), "{}", said.text);
    assert!(mailbox(&house, crate::common::ANN).is_empty());
}

fn curl(house: &House, url: &str, more: &[&str], mark: &str) {
    let home = TempDir::new();
    let tool = Tool::new("curl", "curl", home.path());
    let file = tool.file("message", message(mark).as_bytes());
    let mut args = vec!["--silent", "--show-error", "--verbose", "--insecure", "--url", url];
    args.extend(["--mail-from", "bob@office.test", "--mail-rcpt", "ann@office.test"]);
    args.extend(["--upload-file", file.to_str().unwrap()]);
    args.extend(more);
    tool.run(&args, b"").expect_good(house);
    arrived(house, mark);
}

#[test]
fn curl_sends_plain() {
    let house = House::start();
    curl(&house, &format!("smtp://{}/client.test", house.ports.smtp), &[], "curl-plain");
}

#[test]
fn curl_logs_in_after_starttls() {
    let house = House::start();
    let user = format!("{}:{}", BOB.0, BOB.1);
    curl(&house, &format!("smtp://{}", house.ports.submission), &["--ssl-reqd", "--user", &user], "curl-starttls");
}

#[test]
fn curl_logs_in_on_465() {
    let house = House::start();
    let user = format!("{}:{}", BOB.0, BOB.1);
    let login = ["--user", &user, "--login-options", "AUTH=LOGIN"];
    curl(&house, &format!("smtps://{}", house.ports.smtps), &login, "curl-smtps");
}

fn msmtp(house: &House, port: u16, config: &str, mark: &str) {
    let home = TempDir::new();
    let tool = Tool::new("msmtp", "msmtp", home.path());
    let config =
        format!("account default\nhost 127.0.0.1\nport {port}\nfrom bob@office.test\ntls_certcheck off\n{config}");
    let file = tool.file("msmtprc", config.as_bytes());
    let args = ["--debug", "-C", file.to_str().unwrap(), "ann@office.test"];
    tool.run(&args, unix(&message(mark)).as_bytes()).expect_good(house);
    arrived(house, mark);
}

#[test]
fn msmtp_sends_plain() {
    let house = House::start();
    msmtp(&house, house.ports.smtp.port(), "auth off\ntls off\n", "msmtp-plain");
}

#[test]
fn msmtp_logs_in_by_scram_sha_256() {
    let house = House::start();
    let login = format!("tls on\ntls_starttls on\nauth scram-sha-256\nuser {}\npassword {}\n", BOB.0, BOB.1);
    msmtp(&house, house.ports.submission.port(), &login, "msmtp-scram");
}

/// Without TLS from loopback: SCRAM shows no password, and loopback is a private network.
#[test]
fn msmtp_logs_in_by_scram_sha_256_without_tls() {
    let house = House::start();
    let login = format!("tls off\nauth scram-sha-256\nuser {}\npassword {}\n", BOB.0, BOB.1);
    msmtp(&house, house.ports.submission.port(), &login, "msmtp-scram-plain");
}

#[test]
fn msmtp_chooses_a_way_to_log_in_on_465() {
    let house = House::start();
    let login = format!("tls on\ntls_starttls off\nauth on\nuser {}\npassword {}\n", BOB.0, BOB.1);
    msmtp(&house, house.ports.smtps.port(), &login, "msmtp-smtps");
}

fn smtplib(house: &House, script: &str, mark: &str) {
    let home = TempDir::new();
    let tool = Tool::new("python3", "python3", home.path());
    let head = format!(
        "import smtplib, ssl, sys\ntls = ssl._create_unverified_context()\nmessage = sys.stdin.buffer.read()\n\
         user, password = {:?}, {:?}\nplain, submission, smtps = {}, {}, {}\n",
        BOB.0,
        BOB.1,
        house.ports.smtp.port(),
        house.ports.submission.port(),
        house.ports.smtps.port()
    );
    tool.run(&["-c", &(head + script)], message(mark).as_bytes()).expect_good(house);
    arrived(house, mark);
}

#[test]
fn smtplib_sends_plain() {
    let script = "s = smtplib.SMTP('127.0.0.1', plain)\n\
        s.sendmail(user, ['ann@office.test'], message, ['BODY=8BITMIME'])\ns.quit()";
    smtplib(&House::start(), script, "smtplib-plain");
}

#[test]
fn smtplib_logs_in_after_starttls() {
    let script = "s = smtplib.SMTP('127.0.0.1', submission)\ns.starttls(context=tls)\ns.login(user, password)\n\
        s.sendmail(user, ['ann@office.test'], message)\ns.quit()";
    smtplib(&House::start(), script, "smtplib-starttls");
}

#[test]
fn smtplib_logs_in_on_465() {
    let script = "s = smtplib.SMTP_SSL('127.0.0.1', smtps, context=tls)\ns.login(user, password)\n\
        s.sendmail(user, ['ann@office.test'], message)\ns.quit()";
    smtplib(&House::start(), script, "smtplib-smtps");
}

/// Commands that a program may give and few people know.
#[test]
fn smtplib_hears_sensible_answers() {
    let script = "s = smtplib.SMTP('127.0.0.1', plain)\nassert s.ehlo()[0] == 250\n\
        assert s.has_extn('size') and s.has_extn('pipelining') and s.has_extn('8bitmime') and s.has_extn('chunking')\n\
        assert s.noop()[0] == 250 and s.rset()[0] == 250 and s.verify('ann@office.test')[0] in (250, 252)\n\
        assert s.mail('a@b.test')[0] == 250 and s.rcpt('nobody@office.test')[0] == 550\n\
        assert s.rcpt('x@foreign.test')[0] == 550\nassert s.rset()[0] == 250\n\
        s.sendmail('a@b.test', ['ann@office.test'], message)\ns.quit()";
    smtplib(&House::start(), script, "smtplib-answers");
}

/// neomutt makes the message itself: the body it was given must be in it.
#[test]
fn neomutt_sends_in_batch() {
    let house = House::start();
    let home = TempDir::new();
    let tool = Tool::new("neomutt", "neomutt", home.path());
    let config = format!(
        "set from='{0}'\nset realname='Bob'\nset copy=no\nset smtp_url='smtp://{0}@127.0.0.1:{1}/'\nset smtp_pass='{2}'\n\
         set ssl_starttls=no\nset ssl_force_tls=no\nset charset='utf-8'\nset send_charset='utf-8'\nset allow_8bit=yes\n",
        BOB.0,
        house.ports.submission.port(),
        BOB.1
    );
    let rc = tool.file("neomuttrc", config.as_bytes());
    let body = "first line\n.\n.dot\n\n\u{41f}\u{440}\u{438}\u{432}\u{435}\u{442}\nlast line\n";
    let args = ["-n", "-F", rc.to_str().unwrap(), "-s", "neomutt-batch", "--", "ann@office.test"];
    tool.run(&args, body.as_bytes()).expect_good(&house);
    let found = mailbox(&house, crate::common::ANN);
    assert_eq!(found.len(), 1);
    assert!(String::from_utf8_lossy(&found[0]).contains("\r\nSubject: neomutt-batch\r\n"));
    assert_eq!(body_of(&found[0]), body);
}
