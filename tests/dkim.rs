//! What proof signs, checked by programs that nobody here wrote: dkimpy and OpenDKIM. No network: both are handed the records.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use gatepost::{
    mime::{SevenBit, seven_bit},
    proof::{DomainKey, KeyKind, KeyPair, Keyring, Stage, sign},
    types::{BodyReader, BytesBody, Domain, UnixTime},
};

const INSTALL: &str = "apt-get install -y python3-dkim python3-nacl opendkim";

struct Bench {
    dir: PathBuf,
    keys: Vec<DomainKey>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Bench {
    fn new(name: &str) -> Bench {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dkim-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let key = |kind: KeyKind| DomainKey {
            domain: Domain::parse("office.test").unwrap(),
            selector: kind.word().to_owned(),
            pair: KeyPair::make(kind).unwrap(),
            made: UnixTime(0),
            stage: Stage::Signing,
        };
        let keys = KeyKind::ALL.map(key).to_vec();
        // OpenDKIM's TestDNSData: a name and its text on a line.
        let records: String = keys.iter().map(|key| format!("{} {}\n", key.name(), key.record())).collect();
        fs::write(dir.join("records"), records).unwrap();
        Bench { dir, keys }
    }

    /// The message with its signatures in front.
    fn signed(&self, kinds: &[KeyKind], message: &[u8]) -> Vec<u8> {
        let keys = self.keys.iter().filter(|key| kinds.contains(&key.pair.kind)).cloned();
        let (ring, wrong) = Keyring::new(keys);
        assert!(wrong.is_empty());
        let signed = smol::block_on(sign(&ring, &BytesBody(message.to_vec()), 0)).unwrap();
        assert!(!signed.fields.is_empty(), "nothing was signed");
        [signed.fields.as_slice(), message].concat()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// How many signatures dkimpy finds, and how many of them are good.
    fn dkimpy(&self, message: &[u8]) -> (usize, usize) {
        let script = "import sys, dkim\n\
            records = dict(line.rstrip('\\n').split(' ', 1) for line in open(sys.argv[1]))\n\
            def txt(name, timeout=5):\n    return records.get(name.decode().rstrip('.'), '').encode() or None\n\
            d = dkim.DKIM(open(sys.argv[2], 'rb').read())\n\
            n = len([h for h in d.headers if h[0].lower() == b'dkim-signature'])\n\
            def good(i):\n    try:\n        return d.verify(i, dnsfunc=txt)\n    except dkim.ValidationError:\n        return False\n\
            print(n, sum(1 for i in range(n) if good(i)))\n";
        let program = self.file("verify.py", script.as_bytes());
        let (records, mail) = (self.dir.join("records"), self.file("dkimpy.eml", message));
        let out = run(Command::new("/usr/bin/python3").arg(program).arg(records).arg(mail));
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let numbers: Vec<usize> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        match numbers.as_slice() {
            [found, good] => (*found, *good),
            _ => panic!("dkimpy said {text:?} {}; {INSTALL}", String::from_utf8_lossy(&out.stderr)),
        }
    }

    /// What OpenDKIM's test mode says.
    fn opendkim(&self, message: &[u8]) -> String {
        let conf = format!(
            "Mode v\nTestDNSData {}\nSyslog no\nMinimumKeyBits 1024\nOn-BadSignature accept\n",
            self.dir.join("records").display()
        );
        let conf = self.file("opendkim.conf", conf.as_bytes());
        // As it arrives: DATA cannot end within a line, and the test mode leaves such a rest out.
        let end: &[u8] = if message.ends_with(b"\r\n") { b"" } else { b"\r\n" };
        let mail = self.file("opendkim.eml", &[message, end].concat());
        let out = run(Command::new("opendkim").arg("-x").arg(conf).arg("-vvv").arg("-t").arg(mail));
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    }
}

fn run(command: &mut Command) -> Output {
    command
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; {INSTALL}"))
}

/// Messages that canonicalization could get wrong.
fn odd_messages() -> Vec<Vec<u8>> {
    let head = "From: =?utf-8?B?0JDQvdC90LA=?= <ann@office.test>\r\nTo: bob@else.test\r\nSubject:  folded\r\n\tand  spaced \r\nDate: Tue, 24 Nov 2026 10:00:00 +0300\r\nMessage-ID: <1@office.test>\r\n";
    let bodies: [&[u8]; 7] = [
        b"hello\r\n",
        b"",
        b"no end of line",
        b"\r\n\r\n\r\n",
        b"blanks at the end \t \r\n\r\n  in front\r\n\r\n\r\n",
        b"\xcf\xd2\xc9\xd7\xc5\xd4 koi8-r\r\n.\r\n..\r\n",
        b"a\tb  c\r\n",
    ];
    let mut all: Vec<Vec<u8>> = bodies.iter().map(|body| [head.as_bytes(), b"\r\n", body].concat()).collect();
    all.push([head.as_bytes(), b"\r\n", &b"0123456789 abcdef\r\n".repeat(40_000)].concat());
    all
}

#[test]
fn dkimpy_finds_every_signature_good_and_a_changed_message_bad() {
    let bench = Bench::new("py");
    for message in odd_messages() {
        let signed = bench.signed(&KeyKind::ALL, &message);
        assert_eq!(bench.dkimpy(&signed), (2, 2), "{}", String::from_utf8_lossy(&message[..200.min(message.len())]));
    }
    let signed = bench.signed(&KeyKind::ALL, &odd_messages()[0]);
    let text = String::from_utf8_lossy(&signed).into_owned();
    assert_eq!(bench.dkimpy(text.replace("hello", "hallo").as_bytes()).1, 0, "another body");
    assert_eq!(bench.dkimpy(text.replace("bob@", "eve@").as_bytes()).1, 0, "another recipient");
    let added = text.replacen("From: ", "From: eve@evil.test\r\nFrom: ", 1);
    assert_eq!(bench.dkimpy(added.as_bytes()).1, 0, "one more author");
}

/// What a server of 7 bits gets is signed as it leaves.
#[test]
fn dkimpy_finds_a_message_good_that_was_put_into_seven_bits() {
    let bench = Bench::new("seven");
    let mut changed = 0;
    for message in odd_messages() {
        let body: Arc<dyn BodyReader> = Arc::new(BytesBody(message));
        let SevenBit::Changed(body) = smol::block_on(seven_bit(body)).unwrap() else { continue };
        let mut seven = Vec::new();
        while (seven.len() as u64) < body.len() {
            seven.extend(smol::block_on(body.read(seven.len() as u64, 1000)).unwrap());
        }
        let (ring, _) = Keyring::new(bench.keys.clone());
        let fields = smol::block_on(sign(&ring, &*body, 0)).unwrap().fields;
        assert_eq!(bench.dkimpy(&[fields, seven].concat()), (2, 2));
        changed += 1;
    }
    assert!(changed > 0);
}

#[test]
fn opendkim_finds_the_rsa_signature_good_and_a_changed_message_bad() {
    let bench = Bench::new("open");
    for message in odd_messages() {
        let said = bench.opendkim(&bench.signed(&[KeyKind::Rsa], &message));
        assert!(
            said.contains("verification (s=rsa, d=office.test, 2048-bit key) succeeded"),
            "{said}\n{}",
            String::from_utf8_lossy(&message[..message.len().min(500)])
        );
    }
    let signed = bench.signed(&[KeyKind::Rsa], &odd_messages()[0]);
    let changed = String::from_utf8_lossy(&signed).replace("hello", "hallo");
    let said = bench.opendkim(changed.as_bytes());
    assert!(!said.contains("succeeded"), "{said}");
}
