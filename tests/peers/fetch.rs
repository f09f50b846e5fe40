//! Programs that fetch: curl, Python's poplib, fetchmail, getmail6, neomutt.

use std::fs;

use crate::{
    common::{ANN, House, TempDir},
    tools::{Tool, body, body_of, certificate, curl, deliver, mailbox, message, unix},
};

/// A house with these messages in ann's mailbox.
fn filled(marks: &[&str]) -> House {
    let house = House::start();
    for mark in marks {
        deliver(&house, ANN.0, &message(mark));
    }
    house
}

#[test]
fn curl_lists_and_fetches() {
    let house = filled(&["curl-one", "curl-two"]);
    let list = String::from_utf8(curl(&house, &format!("pop3://{}/", house.ports.pop3), &[])).unwrap();
    assert_eq!(list.lines().count(), 2, "{list}");
    for (number, mark) in [(1, "curl-one"), (2, "curl-two")] {
        let fetched = curl(&house, &format!("pop3://{}/{number}", house.ports.pop3), &[]);
        assert_eq!(body_of(&fetched), unix(&body(mark)));
        let size: usize = list.lines().nth(number - 1).unwrap().split(' ').nth(1).unwrap().trim().parse().unwrap();
        assert_eq!(fetched.len(), size, "LIST and RETR disagree");
    }
}

#[test]
fn curl_fetches_over_pop3s_and_stls() {
    let house = filled(&["curl-tls"]);
    let over_tls = curl(&house, &format!("pop3s://{}/1", house.ports.pop3s), &[]);
    assert_eq!(body_of(&over_tls), unix(&body("curl-tls")));
    let stls = curl(&house, &format!("pop3://{}/1", house.ports.pop3), &["--ssl-reqd"]);
    assert_eq!(stls, over_tls, "the same bytes on every way");
}

#[test]
fn curl_deletes() {
    let house = filled(&["curl-keep", "curl-delete"]);
    curl(&house, &format!("pop3s://{}/2", house.ports.pop3s), &["--request", "DELE", "--list-only"]);
    let left = mailbox(&house, ANN);
    assert_eq!(left.len(), 1);
    assert_eq!(body_of(&left[0]), unix(&body("curl-keep")));
}

fn poplib(house: &House, script: &str) -> String {
    let home = TempDir::new();
    let head = format!(
        "import poplib, ssl, sys\npoplib._MAXLINE = 4096\ntls = ssl._create_unverified_context()\n\
         user, password = {:?}, {:?}\nplain, pop3s = {}, {}\n",
        ANN.0,
        ANN.1,
        house.ports.pop3.port(),
        house.ports.pop3s.port()
    );
    let said = Tool::new("python3", "python3", home.path()).run(&["-c", &(head + script)], b"");
    String::from_utf8(said.expect_good(house).out).unwrap()
}

#[test]
fn poplib_does_everything_over_pop3s() {
    let house = filled(&["poplib-one", "poplib-two", "poplib-three"]);
    let script = "\
p = poplib.POP3_SSL('127.0.0.1', pop3s, context=tls)
assert 'UIDL' in p.capa() and 'TOP' in p.capa()
p.user(user); p.pass_(password)
count, octets = p.stat()
assert count == 3
assert octets == sum(int(l.split()[1]) for l in p.list()[1])
uids = [l.split()[1] for l in p.uidl()[1]]
assert len(set(uids)) == 3
top = p.top(2, 1)[1]
assert top[-1] == b'poplib-two' and b'Subject: poplib-two' in top
p.dele(1); p.rset(); p.noop(); p.dele(2)
sys.stdout.buffer.write(b'\\r\\n'.join(p.retr(3)[1]) + b'\\r\\n')
p.quit()
p = poplib.POP3_SSL('127.0.0.1', pop3s, context=tls)
p.user(user); p.pass_(password)
assert [l.split()[1] for l in p.uidl()[1]] == [uids[0], uids[2]], 'UIDs stay'
p.quit()
";
    assert_eq!(body_of(poplib(&house, script).as_bytes()), unix(&body("poplib-three")));
    assert_eq!(mailbox(&house, ANN).len(), 2);
}

#[test]
fn poplib_fetches_after_stls() {
    let house = filled(&["poplib-stls"]);
    let script = "\
p = poplib.POP3('127.0.0.1', plain)
p.stls(context=tls)
p.user(user); p.pass_(password)
sys.stdout.buffer.write(b'\\r\\n'.join(p.retr(1)[1]) + b'\\r\\n')
p.quit()
";
    assert_eq!(body_of(poplib(&house, script).as_bytes()), unix(&body("poplib-stls")));
}

#[test]
fn poplib_hears_that_the_password_is_wrong() {
    let house = filled(&["poplib-wrong"]);
    let script = "\
p = poplib.POP3_SSL('127.0.0.1', pop3s, context=tls)
p.user(user)
try:
    p.pass_('wrong')
    sys.exit('let in')
except poplib.error_proto as e:
    assert b'[AUTH]' in e.args[0], e
";
    poplib(&house, script);
}

/// fetchmail adds a Received line and hands the message to a program; it deletes what it has fetched.
fn fetchmail(house: &House, port: u16, tls: &str, marks: &[&str]) {
    let home = TempDir::new();
    let tool = Tool::new("fetchmail", "fetchmail", home.path());
    let inbox = home.path().join("inbox");
    let rc = format!(
        "poll 127.0.0.1 service {port} protocol POP3 uidl user '{}' password '{}' is 'ann' here {tls} no sslcertck \
         no rewrite mda 'cat >> {}'\n",
        ANN.0,
        ANN.1,
        inbox.display()
    );
    let rc = tool.file("fetchmailrc", rc.as_bytes());
    let files = ["pid", "ids"].map(|name| home.path().join(name).to_str().unwrap().to_owned());
    let args = ["-v", "-f", rc.to_str().unwrap(), "--pidfile", &files[0], "--idfile", &files[1], "--invisible"];
    let said = tool.run(&args, b"").expect_good(house);
    let inbox = fs::read_to_string(inbox).unwrap_or_else(|e| panic!("{e}\n{}", said.text));
    for mark in marks {
        assert!(inbox.contains(&unix(&body(mark))), "{mark} is not whole in\n{inbox}");
    }
    assert!(mailbox(house, ANN).is_empty(), "fetched mail is deleted");
}

#[test]
fn fetchmail_fetches_over_pop3s() {
    let house = filled(&["fetchmail-one", "fetchmail-two"]);
    fetchmail(&house, house.ports.pop3s.port(), "ssl", &["fetchmail-one", "fetchmail-two"]);
}

#[test]
fn fetchmail_fetches_after_stls() {
    let house = filled(&["fetchmail-stls"]);
    fetchmail(&house, house.ports.pop3.port(), "sslproto 'TLS1.2+'", &["fetchmail-stls"]);
}

/// Each message becomes a file of `box`. (Its maildir refuses to work for root, whom CI runs as.)
fn getmail(house: &House, home: &TempDir, options: &str) -> Vec<String> {
    let tool = Tool::new("getmail", "getmail6", home.path());
    let inbox = home.path().join("box");
    fs::create_dir_all(&inbox).unwrap();
    let rc = format!(
        "[retriever]\ntype = SimplePOP3SSLRetriever\nserver = 127.0.0.1\nport = {}\nusername = {}\npassword = {}\n\
         [destination]\ntype = MDA_external\npath = /bin/sh\narguments = ('-c', 'cat > $(mktemp {}/XXXXXX)')\n\
         allow_root_commands = true\n\
         [options]\ndelivered_to = false\nreceived = false\nverbose = 2\n{options}\n",
        house.ports.pop3s.port(),
        ANN.0,
        ANN.1,
        inbox.display()
    );
    tool.file("getmailrc", rc.as_bytes());
    let dir = home.path().to_str().unwrap();
    tool.run(&["--getmaildir", dir, "--rcfile", "getmailrc"], b"").expect_good(house);
    let files = fs::read_dir(inbox).unwrap();
    files.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn getmail_fetches_and_deletes() {
    let house = filled(&["getmail-one", "getmail-two"]);
    let home = TempDir::new();
    let mut found = getmail(&house, &home, "delete = true");
    found.sort_by_key(|text| text.contains("getmail-two"));
    assert_eq!(found.len(), 2);
    for (text, mark) in found.iter().zip(["getmail-one", "getmail-two"]) {
        assert_eq!(body_of(text.as_bytes()), unix(&body(mark)));
    }
    assert!(mailbox(&house, ANN).is_empty(), "fetched mail is deleted");
}

/// It remembers UIDs between runs: what stays on the server is fetched once.
#[test]
fn getmail_fetches_only_what_is_new() {
    let house = filled(&["getmail-old"]);
    let home = TempDir::new();
    assert_eq!(getmail(&house, &home, "read_all = false").len(), 1);
    deliver(&house, ANN.0, &message("getmail-new"));
    assert_eq!(getmail(&house, &home, "read_all = false").len(), 2);
    assert_eq!(mailbox(&house, ANN).len(), 2);
}

/// neomutt wants a terminal, which script(1) gives it; keys are pushed: tag all, copy it to a file, leave.
#[test]
fn neomutt_opens_the_mailbox_over_pop3s() {
    let house = filled(&["neomutt"]);
    let home = TempDir::new();
    let tool = Tool::new("script", "bsdutils", home.path());
    let copy = home.path().join("copy");
    fs::write(&copy, "").unwrap();
    let config = format!(
        "set pop_user='{}'\nset pop_pass='{}'\nset ssl_verify_host=no\nset ssl_verify_dates=no\nset confirmappend=no\n\
         set certificate_file='{}'\nset mbox_type=mbox\nset move=no\nset wait_key=no\nset delete=no\nset charset=utf-8\n\
         push '<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{}<enter><exit>'\n",
        ANN.0,
        ANN.1,
        tool.file("certificate.pem", certificate(house.ports.pop3s).as_bytes()).display(),
        copy.display()
    );
    let rc = tool.file("neomuttrc", config.as_bytes());
    let url = format!("pops://127.0.0.1:{}/", house.ports.pop3s.port());
    let command = format!("neomutt -n -F {} -f {url}", rc.display());
    let said = tool.run(&["-qec", &command, "typescript"], b"").expect_good(&house);
    let copied = fs::read_to_string(&copy).unwrap();
    assert!(copied.contains(&unix(&body("neomutt"))), "not whole:\n{copied:?}\n{}", said.text);
    assert_eq!(mailbox(&house, ANN).len(), 1, "reading deletes nothing");
}
