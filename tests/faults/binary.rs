//! The real `gatepost serve`, for what is wrapped round a process or measured in it.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value as Json;

use crate::common::{ANN, Ports, TempDir, fresh_ports};

const PROGRAM: &str = env!("CARGO_BIN_EXE_gatepost");

/// A server with `office.test` and ann's mailbox; killed when it is dropped.
pub struct Served {
    pub dir: TempDir,
    pub ports: Ports,
    process: Option<Child>,
}

impl Served {
    /// With other settings on top of a test house's.
    pub fn start(settings: &[(&str, &str)]) -> Served {
        let (ports, mut first) = fresh_ports();
        first.extend(settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
        let mut served = Served { dir: TempDir::new(), ports, process: None };
        let pairs: Vec<String> = first.iter().flat_map(|(k, v)| ["--first".to_owned(), format!("{k}={v}")]).collect();
        served.run(served.command(Path::new(PROGRAM)).args(pairs));
        served.say(&["domain", "add", "office.test"], "");
        served.say(&["mailbox", "add", ANN.0, "--password-stdin"], ANN.1);
        served
    }

    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// `program serve ...`; another program than ours runs ours.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if program != Path::new(PROGRAM) {
            command.arg(PROGRAM);
        }
        command.args(["serve", "--allow-root", "--state"]).arg(self.state());
        command
    }

    fn run(&mut self, command: &mut Command) {
        let log = || fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
        self.process = Some(command.stdout(log()).stderr(log()).spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(self.ports.smtp).is_err() || self.try_say(&["domain", "list"], "").is_err() {
            assert!(Instant::now() < until, "it does not come up: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// The plug is pulled, and it starts anew.
    pub fn kill_and_start(&mut self) {
        self.kill();
        self.run(&mut self.command(Path::new(PROGRAM)));
    }

    /// The plug is pulled, and it starts anew as the clock of `faketime` says.
    pub fn kill_and_start_at(&mut self, time: &str) {
        self.kill();
        let mut command = self.command(Path::new("faketime"));
        let args: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
        command = Command::new("faketime");
        command.args(["-f", time]).args(args).env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("TZ", "UTC");
        let there = Command::new("faketime").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(there.is_ok(), "this test needs faketime: apt-get install faketime");
        self.run(&mut command);
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // faketime is the server's parent and does not take it along.
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", process.id()));
            for child in children.unwrap_or_default().split_whitespace() {
                let pid = child.parse().ok().and_then(rustix::process::Pid::from_raw).unwrap();
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    fn try_say(&self, words: &[&str], input: &str) -> Result<String, String> {
        let input_file = self.dir.path().join("input");
        fs::write(&input_file, input).unwrap();
        let done = Command::new(PROGRAM)
            .args(words)
            .arg("--state")
            .arg(self.state())
            .stdin(fs::File::open(&input_file).unwrap())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stdout) + &text(&done.stderr)) }
    }

    /// A subcommand that must be done.
    pub fn say(&self, words: &[&str], input: &str) -> String {
        self.try_say(words, input).unwrap_or_else(|said| panic!("{words:?}: {said}\n{}", self.log()))
    }

    /// `gatepost status`, whatever its exit code.
    pub fn status(&self) -> Json {
        let said = self.try_say(&["status", "--json"], "").unwrap_or_else(|said| said);
        serde_json::Deserializer::from_str(&said).into_iter().next().unwrap().unwrap()
    }

    /// A line of /proc/PID/status, KiB.
    pub fn memory(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let found = status.lines().find_map(|l| l.strip_prefix(line)).unwrap();
        found.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.kill();
    }
}
