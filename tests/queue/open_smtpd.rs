//! Debian's OpenSMTPD on port 25 of an address of loopback, unpacked and not installed (it would push Postfix out): it sees its
//! helpers, users and directories in a file system of its own.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::common::TempDir;

/// Mailboxes of world.test.
pub const PEOPLE: [&str; 3] = ["bob", "eva", "zoe"];
/// The first of their user numbers; they are users nowhere else.
const FIRST: u32 = 64_001;

pub struct OpenSmtpd {
    dir: TempDir,
    process: Child,
}

/// What it sees otherwise than the rest of the machine. $1: where it is unpacked; $2: the test's directory.
const WORLD: &str = "set -e\nmount -t overlay overlay -o lowerdir=\"$1/usr:/usr\" /usr\n\
    mount --bind \"$2/passwd\" /etc/passwd\nmount --bind \"$2/group\" /etc/group\n\
    for at in /run /var/spool /var/lib; do mount -t tmpfs tmpfs $at; done\n\
    mkdir -p /var/lib/opensmtpd/empty\nmkdir -m 711 /var/spool/smtpd\n\
    exec /usr/sbin/smtpd -d -f \"$2/smtpd.conf\"\n";

impl OpenSmtpd {
    /// With a certificate for mx.world.test, which helps it nothing where it is linked with OpenSSL 3.
    pub fn start(at: Ipv4Addr) -> OpenSmtpd {
        let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/opensmtpd");
        assert!(peer.exists(), "{} is missing; it comes with: scripts/install-peers", peer.display());
        let dir = TempDir::new();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let here = dir.path().display();
        let (mut users, mut groups) = (String::from("root:x:0:0::/root:/bin/sh\n"), String::from("root:x:0:\n"));
        let mut user = |name: &str, id: u32| {
            users += &format!("{name}:x:{id}:{id}::{here}/{name}:/bin/sh\n");
            groups += &format!("{name}:x:{id}:\n");
        };
        for (name, id) in PEOPLE.into_iter().zip(FIRST..) {
            user(name, id);
            fs::create_dir(dir.path().join(name)).unwrap();
            chown(dir.path().join(name), Some(id), Some(id)).unwrap();
        }
        user("opensmtpd", FIRST - 1);
        user("opensmtpq", FIRST - 2);
        fs::write(dir.path().join("passwd"), users).unwrap();
        fs::write(dir.path().join("group"), groups).unwrap();
        certificate(dir.path());
        let config = format!(
            "pki mx.world.test cert \"{here}/cert.pem\"\npki mx.world.test key \"{here}/key.pem\"\n\
             listen on {at} port 25 tls pki mx.world.test hostname mx.world.test\n\
             action \"keep\" maildir \"{here}/%{{user.username}}/mail\"\n\
             match from any for domain \"world.test\" action \"keep\"\n"
        );
        fs::write(dir.path().join("smtpd.conf"), config).unwrap();
        let log = || fs::OpenOptions::new().create(true).append(true).open(dir.path().join("log")).unwrap();
        let process = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", WORLD, "sh"])
            .arg(&peer)
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .spawn()
            .expect("this test needs unshare: apt-get install util-linux");
        let mut server = OpenSmtpd { dir, process };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((at, 25)).is_err() {
            assert!(server.process.try_wait().unwrap().is_none(), "OpenSMTPD ended: {}", server.log());
            assert!(Instant::now() < until, "OpenSMTPD does not listen: {}; only root may", server.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Every message of somebody, as it lies there.
    pub fn messages(&self, name: &str) -> Vec<Vec<u8>> {
        let new = fs::read_dir(self.dir.path().join(name).join("mail/new"));
        let files = new.map(|entries| entries.map(|entry| entry.unwrap().path()).collect::<Vec<PathBuf>>());
        files.unwrap_or_default().iter().map(|file| fs::read(file).unwrap()).collect()
    }
}

impl Drop for OpenSmtpd {
    fn drop(&mut self) {
        // Its processes are alone in their PID namespace, and end with the first of them.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn certificate(dir: &Path) {
    let out = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=mx.world.test"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir)
        .output()
        .expect("this test needs openssl: scripts/install-test-tools");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    fs::set_permissions(dir.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
}
