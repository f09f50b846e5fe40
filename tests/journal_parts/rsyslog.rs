//! A private rsyslogd as collector: UDP, TCP and a local socket, each parsed line as one JSON object.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::scratch::Scratch;

/// Runs a program that the test needs; says what to install when it is not there.
pub fn program(name: &str, package: &str) -> Command {
    let found = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().map(|d| Path::new(d).join(name)).find(|p| p.exists());
    Command::new(found.unwrap_or_else(|| panic!("{name} is missing: apt-get install -y {package}")))
}

/// Looks until `look` gives something, for at most ten seconds.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub struct Rsyslog {
    scratch: Scratch,
    pub udp: u16,
    pub tcp: u16,
    child: Option<Child>,
}

impl Rsyslog {
    pub fn start(name: &str) -> Self {
        let scratch = Scratch::new(name);
        let [udp, tcp] = crate::ports::free_ports();
        let dir = scratch.path().display().to_string();
        let conf = CONF.replace("{dir}", &dir).replace("{udp}", &udp.to_string()).replace("{tcp}", &tcp.to_string());
        fs::write(scratch.path().join("conf"), conf).unwrap();
        let mut rsyslog = Rsyslog { scratch, udp, tcp, child: None };
        rsyslog.again();
        rsyslog
    }

    /// Starts it (again) on the same ports.
    pub fn again(&mut self) {
        let child = program("rsyslogd", "rsyslog")
            .args(["-n", "-f"])
            .arg(self.scratch.path().join("conf"))
            .arg("-i")
            .arg(self.scratch.path().join("pid"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        until("rsyslogd listens", || TcpStream::connect(("127.0.0.1", self.tcp)).ok());
        until("rsyslogd has its socket", || self.socket().exists().then_some(()));
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let _ = fs::remove_file(self.socket());
    }

    pub fn socket(&self) -> PathBuf {
        self.scratch.path().join("dev-log")
    }

    /// Every line it parsed so far.
    pub fn parsed(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.scratch.path().join("parsed.log")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for a line whose text contains `words`.
    pub fn find(&self, words: &str) -> Value {
        until(words, || self.parsed().into_iter().find(|v| v["msg"].as_str().unwrap_or("").contains(words)))
    }

    pub fn count(&self, words: &str) -> usize {
        self.parsed().iter().filter(|v| v["msg"].as_str().unwrap_or("").contains(words)).count()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.kill();
    }
}

const CONF: &str = r#"
global(workDirectory="{dir}" net.enableDNS="off" parser.permitSlashInProgramName="on" maxMessageSize="8k")
module(load="imudp") module(load="imtcp") module(load="imuxsock" SysSock.Use="off")
template(name="js" type="list" option.jsonf="on") {
  property(outname="input" name="inputname" format="jsonf")
  property(outname="severity" name="syslogseverity-text" format="jsonf")
  property(outname="facility" name="syslogfacility-text" format="jsonf")
  property(outname="version" name="protocol-version" format="jsonf")
  property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="host" name="hostname" format="jsonf")
  property(outname="app" name="app-name" format="jsonf")
  property(outname="pid" name="procid" format="jsonf")
  property(outname="msg" name="msg" format="jsonf")
}
ruleset(name="all") { action(type="omfile" file="{dir}/parsed.log" template="js") }
input(type="imudp" address="127.0.0.1" port="{udp}" rcvbufSize="8m" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{tcp}" ruleset="all")
input(type="imuxsock" Socket="{dir}/dev-log" UseSysTimeStamp="off" UseSpecialParser="off" ParseHostname="off" RateLimit.Interval="0" ruleset="all")
"#;
