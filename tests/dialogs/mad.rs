//! Mad clients: sessions made of good commands in any order, cut, doubled and spoilt. A fixed seed, so that a failure comes
//! again. Whatever they say: no session panics, no journal line has a control character, no text of a message and no
//! password is in the journal, and there are exactly as many messages as were acknowledged.

use std::time::Duration;

use gatepost::rt::{block_on, timeout};

use crate::{
    peer::Heard,
    porch::Porch,
    script::{Head, parse},
};

/// A word that stands in message texts and passwords only.
const MARK: &str = "mArK";

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % sides
    }
}

const SMTP: [&[u8]; 48] = [
    b"EHLO mx.far.test\r\n",
    b"HELO x\r\n",
    b"MAIL FROM:<carl@far.test>\r\nRCPT TO:<both@office.test>\r\nDATA\r\nSubject: mArK\r\n\r\n..mArK\r\n.\r\n",
    b"MAIL FROM:<>\r\nRCPT TO:<ann@office.test>\r\nBDAT 6 LAST\r\nmArK\r\n",
    b"MAIL FROM:<c@far.test>\r\nRCPT TO:<bob@office.test>\r\nBDAT 3\r\nmArBDAT 4 LAST\r\nK: \n",
    b"MAIL FROM:<carl@far.test>\r\nRCPT TO:<ann@office.test>\r\nRCPT TO:<nobody@office.test>\r\n",
    b"EHLO mx.far.test\r\nMAIL FROM:<carl@far.test>\r\nRCPT TO:<bob@office.test>\r\n",
    b"RSET\r\nMAIL FROM:<carl@far.test>\r\n",
    b"DATA\r\nmArK\r\n.\r\n",
    b"EHLO again\r\n",
    b"EHLO \xff\x00<>\r\n",
    b"MAIL FROM:<carl@far.test>\r\n",
    b"MAIL FROM:<>\r\n",
    b"MAIL FROM: <\"a> b\\\"\"@far.test> SIZE=10 BODY=8BITMIME\r\n",
    b"MAIL FROM:<carl@far.test> SIZE=99999999999999999999\r\n",
    b"RCPT TO:<ann@office.test>\r\n",
    b"RCPT TO:<bob@office.test>\r\n",
    b"RCPT TO:<both@office.test>\r\n",
    b"RCPT TO:<postmaster>\r\n",
    b"RCPT TO:<x+\"@office.test>\r\n",
    b"RCPT TO:<@a,@b:ann+@office.test>\r\n",
    b"DATA\r\n",
    b"DATA\r\nSubject: mArK\r\n\r\nmArK\r\n.\r\n",
    b"Subject: mArK\r\n\r\nmArK\r\n.\r\n",
    b"\r\n.\r\n",
    b"mArK\n.\nmArK\r.\r\n",
    b"BDAT 6 LAST\r\nmArK\r\n",
    b"BDAT 6\r\nmArK\r\n",
    b"BDAT 7\r\nmArK\r\n",
    b"BDAT 0 LAST\r\n",
    b"BDAT 0\r\n",
    b"BDAT 18446744073709551616\r\n",
    b"BDAT 300 LAST\r\n",
    b"RSET\r\n",
    b"NOOP x\r\n",
    b"VRFY \x1b[31m\r\n",
    b"HELP\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH PLAIN AGFubgBtQXJL\r\n",
    b"AUTH PLAIN AGFubgBhbm4tcGFzcy0x\r\n",
    b"AUTH LOGIN\r\nYW5u\r\nbUFySw==\r\n",
    b"AUTH SCRAM-SHA-256 biwsbj1hbm4scj1uMDEyMzQ1Njc4\r\n",
    b"*\r\n",
    b"=\r\n",
    b"STARTTLS x\r\n",
    b"\r\n",
    b"\n",
    b"QUIT\r\n",
];

const POP3: [&[u8]; 24] = [
    b"CAPA\r\n",
    b"USER ann\r\n",
    b"PASS ann-pass-1\r\n",
    b"PASS mArK\r\n",
    b"USER x>, rip=10.0.0.1\r\n",
    b"AUTH\r\n",
    b"AUTH PLAIN AGFubgBtQXJL\r\n",
    b"AUTH PLAIN AGFubgBhbm4tcGFzcy0x\r\n",
    b"AUTH SCRAM-SHA-256 biwsbj1hbm4scj1uMDEyMzQ1Njc4\r\n",
    b"STAT\r\n",
    b"LIST\r\n",
    b"LIST 1\r\n",
    b"UIDL\r\n",
    b"UIDL 4294967296\r\n",
    b"RETR 1\r\n",
    b"RETR 0\r\n",
    b"TOP 1 0\r\n",
    b"TOP 1 4294967295\r\n",
    b"DELE 1\r\n",
    b"DELE 2\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"*\r\n",
    b"QUIT\r\n",
];

const IMAP: [&[u8]; 62] = [
    b"a CAPABILITY\r\n",
    b"a LOGIN ann ann-pass-1\r\n",
    b"a LOGIN ann {4+}\r\nmArK\r\n",
    b"a LOGIN {99999999999+}\r\n",
    b"a AUTHENTICATE PLAIN AGFubgBtQXJL\r\n",
    b"a AUTHENTICATE PLAIN\r\nAGFubgBhbm4tcGFzcy0x\r\n",
    b"a AUTHENTICATE SCRAM-SHA-256 biwsbj1hbm4scj1uMDEyMzQ1Njc4\r\n*\r\n",
    b"a STARTTLS\r\n",
    b"a ENABLE CONDSTORE UTF8=ACCEPT\r\n",
    b"a ID (\"name\" \"x\")\r\n",
    b"a SELECT INBOX\r\n",
    b"a EXAMINE INBOX (CONDSTORE)\r\n",
    b"a SELECT work/&BD8-\r\n",
    b"a CREATE work/&BD8-\r\n",
    b"a CREATE old (USE (\\Archive))\r\n",
    b"a DELETE work\r\n",
    b"a RENAME work old/work\r\n",
    b"a RENAME INBOX saved\r\n",
    b"a SUBSCRIBE nobody\r\n",
    b"a UNSUBSCRIBE nobody\r\n",
    b"a LIST \"\" *\r\n",
    b"a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"%\" \"*o*\") RETURN (STATUS (MESSAGES RECENT SIZE))\r\n",
    b"a LSUB \"\" %\r\n",
    b"a NAMESPACE\r\n",
    b"a STATUS INBOX (MESSAGES DELETED-STORAGE HIGHESTMODSEQ)\r\n",
    b"a GETQUOTAROOT INBOX\r\n",
    b"a SETQUOTA \"\" (STORAGE 1)\r\n",
    b"a APPEND INBOX (\\Seen) {19+}\r\nSubject: x\r\n\r\nmArK\n\r\n",
    b"a APPEND INBOX {0+}\r\n\r\n",
    b"a APPEND nobody {5}\r\n",
    b"a APPEND INBOX {3+}\r\nabc (\\Draft) {3+}\r\ndef\r\n",
    b"a APPEND INBOX UTF8 (~{6+}\r\nmArK\r\n)\r\n",
    b"a APPEND INBOX {9999999999+}\r\n",
    b"a IDLE\r\nDONE\r\n",
    b"a IDLE\r\n",
    b"DONE\r\n",
    b"a NOOP\r\n",
    b"a CHECK\r\n",
    b"a FETCH 1:* (FLAGS UID ENVELOPE BODYSTRUCTURE)\r\n",
    b"a FETCH 1 BODY[]<0.1>\r\n",
    b"a FETCH 1:* BODY.PEEK[1.MIME]\r\n",
    b"a UID FETCH 1:* (MODSEQ) (CHANGEDSINCE 1)\r\n",
    b"a FETCH 4294967295 ALL\r\n",
    b"a STORE 1:* +FLAGS (\\Deleted $x)\r\n",
    b"a STORE 1 (UNCHANGEDSINCE 1) FLAGS.SILENT ()\r\n",
    b"a UID STORE 1:3 -FLAGS (\\Deleted)\r\n",
    b"a SEARCH ALL\r\n",
    b"a SEARCH OR (NOT SEEN) (BODY {4+}\r\nmArK UNKEYWORD $x)\r\n",
    b"a UID SEARCH RETURN (MIN MAX COUNT ALL SAVE) TEXT x SENTSINCE 1-Feb-2020\r\n",
    b"a SEARCH CHARSET KLINGON SUBJECT x\r\n",
    b"a SEARCH CHARSET KOI8-R SUBJECT {2+}\r\n\xd0\xcf\r\n",
    b"a FETCH $ FLAGS\r\n",
    b"a COPY 1:* saved\r\n",
    b"a MOVE 1 INBOX\r\n",
    b"a UID MOVE 1:* old\r\n",
    b"a EXPUNGE\r\n",
    b"a UID EXPUNGE 1:*\r\n",
    b"a CLOSE\r\n",
    b"a UNSELECT\r\n",
    b"\r\n",
    b"* x\r\n",
    b"a LOGOUT\r\n",
];

/// A good beginning, then some words, now and then spoilt.
fn speech(dice: &mut Dice, words: &[&[u8]]) -> Vec<u8> {
    let mut out = words[0].to_vec();
    for _ in 0..5 + dice.roll(20) {
        let mut word = words[dice.roll(words.len())].to_vec();
        match dice.roll(24) {
            0 => {
                let at = dice.roll(word.len());
                word[at] = u8::try_from(dice.roll(256)).unwrap();
            }
            1 => word.truncate(dice.roll(word.len())),
            2 => {
                let at = dice.roll(word.len());
                word.insert(at, b"\r\n.\0 <>"[dice.roll(7)]);
            }
            3 => word.extend_from_within(..),
            _ => {}
        }
        out.extend(word);
    }
    out
}

/// What the server said to it, line by line.
fn talk(porch: &Porch, head: &Head, octets: &[u8]) -> Vec<String> {
    let (mut peer, task) = porch.call(head, &[]);
    // A server that ended the session takes no more.
    let _ = peer.send(octets);
    let mut heard = Vec::new();
    while let Heard::Line(line) = peer.hear() {
        heard.push(line);
    }
    peer.hang_up();
    block_on(timeout(Duration::from_secs(20), task)).expect("the session does not end");
    heard
}

fn check_journal(porch: &Porch, said: &[u8]) {
    for line in porch.journal.newest(100) {
        let text = line.line.text;
        assert!(!text.chars().any(char::is_control), "{text:?}");
        assert!(!text.contains(MARK) && !text.contains("ann-pass"), "{text}\nafter\n{}", said.escape_ascii());
    }
}

#[test]
fn mad_smtp_clients_get_what_was_acknowledged_and_break_nothing() {
    for (seed, from) in [(1, "stranger"), (2, "private"), (3, "stranger"), (4, "private")] {
        let (head, _) = parse(&format!("# from: {from}\n# set: users.own_sender=off\n# patience: 0.06\n")).unwrap();
        let (porch, mut dice) = (Porch::build(&head), Dice(0x9e37_79b9_7f4a_7c15 ^ seed));
        let mut acknowledged = 0;
        for _ in 0..60 {
            let said = speech(&mut dice, &SMTP);
            let heard = talk(&porch, &head, &said);
            acknowledged += heard.iter().filter(|l| l.contains("queued as")).count();
            check_journal(&porch, &said);
        }
        let kept = porch.journal.newest(usize::MAX).iter().filter(|l| l.line.text.ends_with(": removed")).count();
        assert!(acknowledged > 5, "{acknowledged}");
        assert_eq!(kept, acknowledged);
    }
}

#[test]
fn mad_pop3_clients_break_nothing() {
    let head = "# service: pop3\n# from: private\n# patience: 0.06\n# mail: ann=Subject: mArK\\r\\n\\r\\n.mArK\\r\\n\n";
    let (head, _) = parse(head).unwrap();
    let (porch, mut dice) = (Porch::build(&head), Dice(77));
    for _ in 0..100 {
        let said = speech(&mut dice, &POP3);
        talk(&porch, &head, &said);
        check_journal(&porch, &said);
    }
}

#[test]
fn mad_imap_clients_break_nothing() {
    let head = "# service: imap\n# from: private\n# patience: 0.06\n# mail: ann=Subject: mArK\\r\\n\\r\\n.mArK\\r\\n\n";
    let (head, _) = parse(head).unwrap();
    let (porch, mut dice) = (Porch::build(&head), Dice(143));
    for n in 0..60 {
        let mut said = speech(&mut dice, &IMAP);
        if n % 3 > 0 {
            said = [IMAP[1], IMAP[10], &said].concat();
        }
        talk(&porch, &head, &said);
        check_journal(&porch, &said);
    }
}
