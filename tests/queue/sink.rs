//! Postfix' smtp-sink on port 25 of an address of loopback: each message becomes a file.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::common::TempDir;

pub struct Sink {
    dir: TempDir,
    process: Child,
}

impl Sink {
    pub fn start(at: Ipv4Addr) -> Sink {
        let dir = TempDir::new();
        let process = Command::new("smtp-sink")
            .args(["-u", "root", "-d", "m.", &format!("inet:{at}:25"), "100"])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs Debian's Postfix: scripts/install-test-tools --bench");
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((at, 25)).is_err() {
            assert!(Instant::now() < until, "smtp-sink does not listen on {at}:25; only root may");
            std::thread::sleep(Duration::from_millis(20));
        }
        Sink { dir, process }
    }

    /// How many messages came.
    pub fn count(&self) -> usize {
        fs::read_dir(self.dir.path()).unwrap().count()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
