//! Gatepost, the release binary, with its state in a directory of its own.

use std::{
    fs, io,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    load::Client,
    proc::{free_port, size_of, wait_for_greeting, wait_until},
    server::Server,
};

/// The server, and how it was set up.
pub struct Ours {
    program: PathBuf,
    dir: PathBuf,
    smtp: u16,
    pop3: u16,
    imap: u16,
    imaps: u16,
    users: Vec<String>,
    /// Where mail for others goes.
    next: u16,
    running: Option<Child>,
}

impl Ours {
    /// Nothing is made before the first [`Server::wipe`].
    pub fn new(program: &Path, dir: &Path, users: &[String], next: u16) -> io::Result<Ours> {
        fs::create_dir_all(dir)?;
        Ok(Ours {
            program: program.canonicalize()?,
            dir: dir.to_owned(),
            smtp: free_port()?,
            pop3: free_port()?,
            imap: free_port()?,
            imaps: free_port()?,
            users: users.to_vec(),
            next,
            running: None,
        })
    }

    /// Settings that differ from the defaults: ports, and loopback only.
    fn settings(&self) -> Vec<String> {
        vec![
            format!("smtp.port={}", self.smtp),
            format!("pop3.port={}", self.pop3),
            "smtp.interfaces=127.0.0.1".to_owned(),
            "pop3.interfaces=127.0.0.1".to_owned(),
            "smtp.submission.port=0".to_owned(),
            "smtp.ssl.port=0".to_owned(),
            "pop3.ssl.port=0".to_owned(),
            "http.port=0".to_owned(),
            "http.ssl.port=0".to_owned(),
            format!("imap.port={}", self.imap),
            format!("imap.ssl.port={}", self.imaps),
            "smtp.relay_networks=127.0.0.1".to_owned(),
            "relay.host=127.0.0.1".to_owned(),
            format!("relay.port={}", self.next),
            "relay.tls=off".to_owned(),
        ]
    }

    fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// A subcommand; `input` goes to its standard input.
    fn cli(&self, args: &[&str], input: &str) -> io::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--state").arg(self.state_dir());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?.write_all(input.as_bytes())?;
        let out = child.wait_with_output()?;
        if out.status.success() {
            return Ok(());
        }
        Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&out.stderr))))
    }

    /// The bench runs as root because Postfix needs it.
    fn spawn(&mut self) -> io::Result<()> {
        let log = fs::File::create(self.dir.join("log"))?;
        let mut command = Command::new(&self.program);
        command.args(["serve", "--allow-root", "--state"]).arg(self.state_dir());
        for setting in self.settings() {
            command.args(["--first", &setting]);
        }
        self.running = Some(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?);
        Ok(())
    }

    fn gone(&mut self, how: &str) -> io::Result<()> {
        let Some(mut child) = self.running.take() else { return Ok(()) };
        Command::new("kill").args([how, &child.id().to_string()]).status()?;
        wait_until(Duration::from_secs(30), "gatepost ends", || matches!(child.try_wait(), Ok(Some(_)))).map(drop)
    }
}

impl Server for Ours {
    fn name(&self) -> &'static str {
        crate::OURS
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
        let _ = fs::remove_dir_all(self.state_dir());
        fs::create_dir_all(self.state_dir())?;
        self.start()?;
        self.cli(&["domain", "add", "office.test"], "")?;
        for user in self.users.clone() {
            self.cli(&["mailbox", "add", &user], "bench-pass\n")?;
        }
        self.stop()
    }

    fn start(&mut self) -> io::Result<Duration> {
        let start = Instant::now();
        self.spawn()?;
        wait_for_greeting(self.smtp())?;
        wait_for_greeting(self.pop3())?;
        wait_for_greeting(self.imap())?;
        Ok(start.elapsed())
    }

    fn stop(&mut self) -> io::Result<()> {
        self.gone("-TERM")
    }

    fn kill(&mut self) -> io::Result<()> {
        self.gone("-KILL")
    }

    fn pids(&self) -> Vec<u32> {
        self.running.iter().map(Child::id).collect()
    }

    fn delivered(&self) -> io::Result<u64> {
        let mut count = 0;
        for user in &self.users {
            let mut client = Client::connect(self.pop3())?;
            client.login(user, "bench-pass")?;
            count += client.stat()?.0;
            client.quit()?;
        }
        Ok(count)
    }

    fn delivers(&self) -> bool {
        true
    }

    fn stored(&self) -> u64 {
        size_of(&self.state_dir())
    }

    fn state(&self) -> PathBuf {
        self.dir.clone()
    }

    fn configuration(&self) -> io::Result<String> {
        Ok(format!(
            "{}\n# login cache: on, 10 minutes (default); passwords SCRAM-SHA-256 of 100,000 rounds\n",
            self.settings().join("\n")
        ))
    }
}
