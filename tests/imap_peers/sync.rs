//! Programs that keep a copy: mbsync and offlineimap, 300 messages both ways; a second run has nothing to do.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    common::{ANN, House, TempDir},
    tools::{Tool, certificate, deliver, message},
};

const MESSAGES: usize = 300;

fn filled() -> House {
    let house = House::start();
    for n in 0..MESSAGES {
        deliver(&house, ANN.0, &message(&format!("remote-{n:03}")));
    }
    house
}

/// Puts messages into a maildir as a mail program would.
fn write_maildir(dir: &Path) {
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(dir.join(sub)).unwrap();
    }
    for n in 0..MESSAGES {
        let text = message(&format!("local-{n:03}")).replace("\r\n", "\n");
        fs::write(dir.join("cur").join(format!("{}.{n}.host:2,S", 1_700_000_000 + n)), text).unwrap();
    }
}

/// Subjects in a maildir.
fn subjects(dir: &Path) -> BTreeSet<String> {
    let files = ["cur", "new"].into_iter().flat_map(|sub| fs::read_dir(dir.join(sub)).unwrap());
    let subject = |text: String| text.lines().find_map(|l| l.strip_prefix("Subject: ").map(str::to_owned)).unwrap();
    files.map(|file| subject(fs::read_to_string(file.unwrap().path()).unwrap())).collect()
}

fn wanted(sort: &str) -> BTreeSet<String> {
    (0..MESSAGES).map(|n| format!("{sort}-{n:03}")).collect()
}

/// Subjects in a folder of the house.
fn remote(house: &House, folder: &str) -> BTreeSet<String> {
    let script = "import imaplib, sys\n\
        c = imaplib.IMAP4('127.0.0.1', int(sys.argv[1]))\nc.login(sys.argv[2], sys.argv[3])\nc.select(sys.argv[4])\n\
        for part in c.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (SUBJECT)])')[1]:\n    \
            if isinstance(part, tuple): print(part[1].decode().strip())\n";
    let home = TempDir::new();
    let port = house.ports.imap.port().to_string();
    let args = ["-c", script, &port, ANN.0, ANN.1, folder];
    let said = Tool::new("python3", "python3", home.path()).run(&args, b"").expect_good(house);
    said.text.lines().filter_map(|l| l.strip_prefix("Subject: ")).map(str::to_owned).collect()
}

/// Messages that ann has.
fn stored(house: &House) -> u64 {
    smol::block_on(house.app().store.usage(gatepost::types::MailboxId(1))).unwrap().messages
}

#[test]
fn mbsync_carries_300_messages_both_ways_and_then_nothing() {
    let house = filled();
    let home = TempDir::new();
    let tool = Tool::new("mbsync", "isync", home.path());
    let mail = home.path().join("mail");
    write_maildir(&mail.join("Sent"));
    let rc = format!(
        "IMAPAccount a\nHost 127.0.0.1\nPort {port}\nUser {user}\nPass {password}\nSSLType IMAPS\nCertificateFile {cert}\n\
         AuthMechs LOGIN\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nPath {mail}/\nInbox {mail}/INBOX\n\
         SubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n",
        port = house.ports.imaps.port(),
        user = ANN.0,
        password = ANN.1,
        cert = home.path().join("cert.pem").display(),
        mail = mail.display(),
    );
    tool.file(".mbsyncrc", rc.as_bytes());
    tool.file("cert.pem", certificate(house.ports.imaps).as_bytes());
    tool.run(&["-V", "c"], b"").expect_good(&house);
    assert_eq!(subjects(&mail.join("INBOX")), wanted("remote"));
    assert_eq!(remote(&house, "Sent"), wanted("local"));
    let before = stored(&house);
    assert_eq!(before, 2 * MESSAGES as u64);
    let again = tool.run(&["-V", "c"], b"").expect_good(&house).text;
    let busy: Vec<&str> = again.lines().filter(|l| l.contains("Channels:") || l.contains("Far:")).collect();
    let is_idle = |l: &str| !l.contains('+') || l.split('+').skip(1).all(|n| n.trim_start().starts_with('0'));
    assert!(busy.iter().all(|l| is_idle(l)), "{again}");
    assert_eq!((stored(&house), subjects(&mail.join("INBOX")).len()), (before, MESSAGES));
}

#[test]
fn offlineimap_carries_300_messages_both_ways_and_then_nothing() {
    let house = filled();
    let home = TempDir::new();
    let tool = Tool::new("offlineimap", "offlineimap3", home.path());
    let mail = home.path().join("mail");
    write_maildir(&mail.join("Sent"));
    let rc = format!(
        "[general]\naccounts = a\nui = basic\n[Account a]\nlocalrepository = l\nremoterepository = r\n\
         [Repository l]\ntype = Maildir\nlocalfolders = {}\n[Repository r]\ntype = IMAP\nremotehost = 127.0.0.1\n\
         remoteport = {}\nremoteuser = {}\nremotepass = {}\nssl = no\nstarttls = no\n",
        mail.display(),
        house.ports.imap.port(),
        ANN.0,
        ANN.1,
    );
    tool.file(".offlineimaprc", rc.as_bytes());
    tool.run(&["-o"], b"").expect_good(&house);
    assert_eq!(subjects(&mail.join("INBOX")), wanted("remote"));
    assert_eq!(remote(&house, "Sent"), wanted("local"));
    let before = stored(&house);
    let again = tool.run(&["-o"], b"").expect_good(&house).text;
    assert!(!again.contains("Copy message") && !again.contains("Adding"), "{again}");
    assert_eq!((stored(&house), subjects(&mail.join("INBOX")).len()), (before, MESSAGES));
}
