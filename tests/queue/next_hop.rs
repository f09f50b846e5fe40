//! Debian's Postfix as the server that our mail goes to: a directory and a port of its own, every recipient of far.test in one
//! maildir.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpStream,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::common::{TempDir, free_port};

pub struct NextHop {
    dir: TempDir,
    pub port: u16,
}

impl NextHop {
    pub fn start() -> NextHop {
        let hop = NextHop { dir: TempDir::new(), port: free_port() };
        let dir = hop.dir.path();
        // Its parts run as users that must get in.
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        let (uid, gid) = (id("-u", "mail"), id("-g", "mail"));
        for sub in ["etc", "data", "queue", "mail"] {
            fs::create_dir_all(dir.join(sub)).unwrap();
        }
        chown(dir.join("data"), Some(id("-u", "postfix")), Some(id("-g", "postfix"))).unwrap();
        chown(dir.join("mail"), Some(uid), Some(gid)).unwrap();
        let here = dir.display();
        let main = format!(
            "compatibility_level = 3.6\nmyhostname = mx.far.test\nmydestination =\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nmynetworks =\nsmtpd_relay_restrictions = reject_unauth_destination\nqueue_directory = {here}/queue\ndata_directory = {here}/data\n\
             virtual_mailbox_domains = far.test\nvirtual_mailbox_maps = static:all/\nvirtual_mailbox_base = {here}/mail\n\
             virtual_uid_maps = static:{uid}\nvirtual_gid_maps = static:{gid}\nvirtual_minimum_uid = 1\n\
             maillog_file = {here}/log\nmaillog_file_prefixes = {here}\n"
        );
        fs::write(dir.join("etc/main.cf"), main).unwrap();
        fs::write(dir.join("etc/master.cf"), master(hop.port)).unwrap();
        postfix(&dir.join("etc"), "start");
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", hop.port)).is_err() {
            assert!(Instant::now() < until, "Postfix does not listen: {}", hop.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        hop
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Whether all that it took lies in the maildir: Postfix says 250 before its own delivery.
    pub fn is_idle(&self) -> bool {
        let queue = self.dir.path().join("queue");
        ["maildrop", "incoming", "active", "deferred"].iter().all(|part| is_empty(&queue.join(part)))
    }

    fn files(&self) -> Vec<PathBuf> {
        let new = fs::read_dir(self.dir.path().join("mail/all/new"));
        new.map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
    }

    /// How many messages are in the maildir.
    pub fn count(&self) -> usize {
        self.files().len()
    }

    /// How often each subject is there.
    pub fn subjects(&self) -> BTreeMap<String, usize> {
        let mut all = BTreeMap::new();
        for text in self.messages() {
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default();
            *all.entry(subject.to_owned()).or_default() += 1;
        }
        all
    }

    /// Every message as it lies there.
    pub fn messages(&self) -> Vec<String> {
        self.files().iter().map(|file| fs::read_to_string(file).unwrap()).collect()
    }
}

impl Drop for NextHop {
    fn drop(&mut self) {
        let _ = Command::new("postfix")
            .arg("-c")
            .arg(self.dir.path().join("etc"))
            .arg("abort")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

/// Whether there is no file below a directory, at any depth.
fn is_empty(dir: &Path) -> bool {
    let Ok(entries) = fs::read_dir(dir) else { return true };
    // What goes away while it is looked at has moved on: it is looked for again.
    entries.flatten().all(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_empty(&entry.path()))
}

fn master(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n\
         tlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n\
         defer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nproxymap unix - - n - - proxymap\n\
         smtp unix - - n - - smtp\nerror unix - - n - - error\nretry unix - - n - - error\n\
         virtual unix - n n - - virtual\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n\
         postlog unix-dgram n - n - 1 postlogd\n"
    )
}

fn postfix(config: &Path, verb: &str) {
    let status = Command::new("postfix")
        .arg("-c")
        .arg(config)
        .arg(verb)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("this test needs Debian's Postfix: scripts/install-test-tools --bench");
    assert!(status.success(), "postfix {verb}: {status}; it must be started by root");
}

fn id(flag: &str, user: &str) -> u32 {
    let out = Command::new("id").args([flag, user]).output().unwrap();
    String::from_utf8_lossy(&out.stdout).trim().parse().unwrap()
}
