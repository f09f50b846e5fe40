//! Debian's Postfix and Dovecot as they come, in a directory of their own: LMTP, maildir, fsync as by default.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use crate::{
    proc::{free_port, size_of, tree, wait_for_greeting, wait_until},
    server::Server,
};

/// Both programs, or Postfix alone with every message held in its queue: what it can accept at best.
pub struct Theirs {
    dir: PathBuf,
    smtp: u16,
    pop3: u16,
    imap: u16,
    imaps: u16,
    users: Vec<String>,
    held: bool,
    /// Where mail for others goes.
    next: u16,
}

impl Theirs {
    /// Writes the configurations. `users` are mailboxes of office.test, with the password `bench-pass`.
    pub fn new(dir: &Path, users: &[String], held: bool, next: u16) -> io::Result<Theirs> {
        let [smtp, pop3, imap, imaps] = [free_port()?, free_port()?, free_port()?, free_port()?];
        let theirs = Theirs { dir: dir.to_owned(), smtp, pop3, imap, imaps, users: users.to_vec(), held, next };
        for sub in ["postfix", "dovecot", "mail"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        fs::write(dir.join("postfix/main.cf"), theirs.main_cf())?;
        fs::write(dir.join("postfix/master.cf"), theirs.master_cf())?;
        certificate(dir)?;
        fs::write(dir.join("dovecot/dovecot.conf"), theirs.dovecot_conf()?)?;
        let passwd: String = users.iter().map(|u| format!("{u}:{{PLAIN}}bench-pass\n")).collect();
        fs::write(dir.join("dovecot/passwd"), passwd)?;
        Ok(theirs)
    }

    fn main_cf(&self) -> String {
        let dir = self.dir.display();
        let hold = if self.held { "smtpd_recipient_restrictions = static:HOLD\n" } else { "" };
        format!(
            "compatibility_level = 3.6\nmyhostname = postfix.office.test\nmydestination =\ninet_interfaces = 127.0.0.1\n\
             inet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nqueue_directory = {dir}/queue\ndata_directory = {dir}/data\n\
             virtual_mailbox_domains = office.test\nvirtual_mailbox_maps = static:ok\n\
             virtual_transport = lmtp:unix:{dir}/lmtp\nmaillog_file = {dir}/postfix.log\n\
             maillog_file_prefixes = {dir}\nrelayhost = [127.0.0.1]:{}\n{hold}",
            self.next
        )
    }

    /// Debian's master.cf, without chroot and without what nobody calls here.
    fn master_cf(&self) -> String {
        format!(
            "127.0.0.1:{} inet n - n - - smtpd\npickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\n\
             qmgr unix n - n 300 1 qmgr\ntlsmgr unix - - n 1000? 1 tlsmgr\nrewrite unix - - n - - trivial-rewrite\n\
             bounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\n\
             verify unix - - n - 1 verify\nflush unix n - n 1000? 0 flush\nproxymap unix - - n - - proxymap\n\
             proxywrite unix - - n - 1 proxymap\nsmtp unix - - n - - smtp\nrelay unix - - n - - smtp\n\
             showq unix n - n - - showq\nerror unix - - n - - error\nretry unix - - n - - error\n\
             discard unix - - n - - discard\nlocal unix - n n - - local\nvirtual unix - n n - - virtual\n\
             lmtp unix - - n - - lmtp\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n\
             postlog unix-dgram n - n - 1 postlogd\n",
            self.smtp
        )
    }

    fn dovecot_conf(&self) -> io::Result<String> {
        let dir = self.dir.display();
        let (uid, gid) = self.owner()?;
        Ok(format!(
            "base_dir = {dir}/dovecot/run\nstate_dir = {dir}/dovecot/run\ninstance_name = gatepost-bench\n\
             log_path = {dir}/dovecot.log\nprotocols = pop3 imap lmtp\nlisten = 127.0.0.1\n\
             ssl = yes\nssl_cert = <{dir}/cert.pem\nssl_key = <{dir}/key.pem\n\
             mail_max_userip_connections = 1000\ndefault_client_limit = 4000\n\
             disable_plaintext_auth = no\nmail_location = maildir:{dir}/mail/%n\nmail_uid = {uid}\nmail_gid = {gid}\n\
             first_valid_uid = {uid}\nfirst_valid_gid = {gid}\n\
             passdb {{\n  driver = passwd-file\n  args = {dir}/dovecot/passwd\n}}\n\
             userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={dir}/mail/%n\n}}\n\
             service pop3-login {{\n  inet_listener pop3 {{\n    port = {}\n  }}\n  inet_listener pop3s {{\n    port = 0\n  }}\n}}\n\
             service imap-login {{\n  service_count = 0\n  process_limit = 4\n  client_limit = 2000\n  \
             inet_listener imap {{\n    port = {}\n  }}\n  inet_listener imaps {{\n    port = {}\n  }}\n}}\n\
             service imap {{\n  process_limit = 1200\n}}\n\
             service lmtp {{\n  unix_listener {dir}/lmtp {{\n    mode = 0666\n  }}\n}}\n",
            self.pop3, self.imap, self.imaps
        ))
    }

    /// Debian's system user `mail` owns the mailboxes.
    fn owner(&self) -> io::Result<(u32, u32)> {
        let id = |flag: &str| -> io::Result<u32> {
            let out = Command::new("id").args([flag, "mail"]).output()?;
            String::from_utf8_lossy(&out.stdout).trim().parse().map_err(io::Error::other)
        };
        Ok((id("-u")?, id("-g")?))
    }

    fn postfix(&self, verb: &str) -> io::Result<()> {
        run(Command::new("postfix").arg("-c").arg(self.dir.join("postfix")).arg(verb))
    }

    fn master(&self, file: &str) -> Option<u32> {
        fs::read_to_string(self.dir.join(file)).ok()?.trim().parse().ok()
    }

    fn masters(&self) -> Vec<u32> {
        ["queue/pid/master.pid", "dovecot/run/master.pid"].iter().filter_map(|f| self.master(f)).collect()
    }
}

/// An ECDSA P-256 key and its own certificate, like ours.
fn certificate(dir: &Path) -> io::Result<()> {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]);
    openssl.args(["-subj", "/CN=mail.office.test", "-keyout"]).arg(dir.join("key.pem"));
    run(openssl.arg("-out").arg(dir.join("cert.pem")).stderr(Stdio::null()))
}

/// Runs a command that must be good. Its output goes to ours: a daemon that it starts would hold a pipe open.
fn run(command: &mut Command) -> io::Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?}: {status}"))) }
}

impl Server for Theirs {
    fn name(&self) -> &'static str {
        if self.held { "postfix, mail held" } else { "postfix+dovecot" }
    }

    fn smtp(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.smtp))
    }

    fn pop3(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.pop3))
    }

    fn imap(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.imap))
    }

    fn imaps(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.imaps))
    }

    fn wipe(&mut self) -> io::Result<()> {
        for sub in ["queue", "data", "mail"] {
            let _ = fs::remove_dir_all(self.dir.join(sub));
            fs::create_dir_all(self.dir.join(sub))?;
            fs::set_permissions(self.dir.join(sub), fs::Permissions::from_mode(0o755))?;
        }
        let (uid, gid) = self.owner()?;
        chown(self.dir.join("mail"), Some(uid), Some(gid))?;
        run(Command::new("chown").arg("postfix").arg(self.dir.join("data")))
    }

    fn start(&mut self) -> io::Result<Duration> {
        let start = std::time::Instant::now();
        if !self.held {
            run(Command::new("dovecot").arg("-c").arg(self.dir.join("dovecot/dovecot.conf")))?;
        }
        self.postfix("start")?;
        wait_for_greeting(self.smtp())?;
        if !self.held {
            wait_for_greeting(self.pop3())?;
            wait_for_greeting(self.imap())?;
        }
        Ok(start.elapsed())
    }

    fn stop(&mut self) -> io::Result<()> {
        let all = self.pids();
        self.postfix("stop")?;
        if let Some(dovecot) = self.master("dovecot/run/master.pid") {
            run(Command::new("kill").arg(dovecot.to_string()))?;
        }
        wait_until(Duration::from_secs(30), "postfix and dovecot end", || {
            all.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
        })?;
        Ok(())
    }

    fn kill(&mut self) -> io::Result<()> {
        let all = self.pids();
        for pid in &all {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).output();
        }
        wait_until(Duration::from_secs(30), "postfix and dovecot are gone", || {
            all.iter().all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
        })?;
        Ok(())
    }

    fn pids(&self) -> Vec<u32> {
        self.masters().into_iter().flat_map(tree).collect()
    }

    /// Files in the maildirs: asking Dovecot would make it index them in the middle of a run.
    fn delivered(&self) -> io::Result<u64> {
        let mut count = 0;
        for user in &self.users {
            let name = user.split('@').next().unwrap_or(user);
            for sub in ["new", "cur"] {
                count += fs::read_dir(self.dir.join("mail").join(name).join(sub)).map_or(0, |d| d.count() as u64);
            }
        }
        Ok(count)
    }

    fn delivers(&self) -> bool {
        !self.held
    }

    fn stored(&self) -> u64 {
        size_of(&self.dir.join("mail"))
    }

    fn state(&self) -> PathBuf {
        self.dir.clone()
    }

    fn configuration(&self) -> io::Result<String> {
        let postconf = Command::new("postconf").arg("-c").arg(self.dir.join("postfix")).arg("-n").output()?;
        let doveconf =
            Command::new("doveconf").arg("-n").arg("-c").arg(self.dir.join("dovecot/dovecot.conf")).output()?;
        let mut text = String::from_utf8_lossy(&postconf.stdout).into_owned();
        if !self.held {
            text.push_str(&String::from_utf8_lossy(&doveconf.stdout));
            text.push_str("# login cache: auth_cache_size = 0, off (Dovecot's default); passwords {PLAIN}\n");
        }
        Ok(text)
    }
}
