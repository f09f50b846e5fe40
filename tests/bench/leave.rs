//! Mail that leaves: Postfix' smtp-sink takes it on a port of its own, and counts.

use std::{
    fs, io,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    OURS,
    load::{Client, Load, Until, message},
    proc::{self, wait_until},
    rounds::Bench,
};

/// Recipients of one message where very many are queued.
const RCPTS: u64 = 1000;

/// smtp-sink, as it comes.
pub struct Sink {
    port: u16,
    count: PathBuf,
    running: Option<Child>,
}

impl Sink {
    /// Not started yet.
    pub fn new(dir: &Path, port: u16) -> Sink {
        Sink { port, count: dir.join("sink"), running: None }
    }

    fn start(&mut self) -> io::Result<()> {
        let mut command = Command::new("smtp-sink");
        command.args(["-u", "root", "-c", &format!("inet:127.0.0.1:{}", self.port), "1000"]);
        self.running =
            Some(command.stdin(Stdio::null()).stdout(fs::File::create(&self.count)?).stderr(Stdio::null()).spawn()?);
        let there = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        wait_until(Duration::from_secs(10), "smtp-sink listens", there).map(drop)
    }

    /// Messages so far.
    fn taken(&self) -> u64 {
        let text = fs::read_to_string(&self.count).unwrap_or_default();
        text.rsplit("mesg=").next().and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
    }

    fn stop(&mut self) {
        if let Some(mut sink) = self.running.take() {
            let _ = sink.kill();
            let _ = sink.wait();
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Bench {
    /// Messages a second that were accepted for another domain and were at the next server when the last of them was.
    pub fn leave(&mut self, sink: &mut Sink, connections: usize, time: Duration) -> io::Result<()> {
        self.each(|server, _, figures| {
            if !server.delivers() {
                return Ok(());
            }
            sink.start()?;
            let to = vec!["far@sink.test".to_owned()];
            let load = Load { smtp: server.smtp(), to, size: 4096, connections, until: Until::Time(time) };
            let start = Instant::now();
            let sent = load.run()?;
            wait_until(Duration::from_secs(300), "all mail is at smtp-sink", || sink.taken() >= sent.messages)?;
            let row = format!("SMTP 4 KB, {connections} connections: passed on/s");
            figures.put(&row, server.name(), sent.messages as f64 / start.elapsed().as_secs_f64());
            sink.stop();
            Ok(())
        })
    }

    /// Memory with this many recipients waiting for a server that does not answer.
    pub fn waiting(&mut self, rows: u64, rest: u64) -> io::Result<()> {
        self.each(|server, _, figures| {
            if server.name() != OURS {
                return Ok(());
            }
            let body = message(4096);
            let mut client = Client::connect(server.smtp())?;
            client.hello()?;
            for n in 0..rows / RCPTS {
                let to: Vec<String> = (0..RCPTS).map(|m| format!("r{m}@d{}.sink.test", n * RCPTS + m)).collect();
                client.mail_to_all(&to, &body)?;
            }
            client.quit()?;
            thread::sleep(Duration::from_secs(rest));
            let memory = proc::memory(&server.pids());
            figures.put(&format!("RSS MB with {rows} waiting"), server.name(), memory.rss as f64 / 1024.0);
            Ok(())
        })
    }
}
