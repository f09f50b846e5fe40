//! The measurements, each over all servers in turn.

use std::{
    fmt::Write as _,
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    OURS,
    load::{Load, Until, fetch_all},
    proc::{self, Syncs, wait_until},
    server::Server,
    table::Figures,
};

/// The servers, and what was measured so far.
pub struct Bench {
    servers: Vec<Box<dyn Server>>,
    users: Vec<String>,
    pub figures: Figures,
    pub configurations: String,
}

impl Bench {
    /// Nothing is started yet.
    pub fn new(servers: Vec<Box<dyn Server>>, users: Vec<String>) -> Bench {
        let mut configurations = String::new();
        for server in &servers {
            let text = server.configuration().unwrap_or_else(|e| e.to_string());
            let _ = writeln!(configurations, "-- {}\n{text}", server.name());
        }
        Bench { servers, users, figures: Figures::default(), configurations }
    }

    /// Leaves no process behind, whatever happened.
    pub fn end(&mut self) {
        for server in &mut self.servers {
            if !server.pids().is_empty() {
                let _ = server.kill();
            }
        }
    }

    /// Does something to each server, freshly started and empty.
    pub fn each(
        &mut self,
        mut work: impl FnMut(&mut dyn Server, &[String], &mut Figures) -> io::Result<()>,
    ) -> io::Result<()> {
        for server in &mut self.servers {
            server.wipe()?;
            server.start()?;
            work(server.as_mut(), &self.users, &mut self.figures)?;
            server.stop()?;
        }
        Ok(())
    }

    /// The servers that bring mail into mailboxes, the users, and the figures: for what is measured of them side by side.
    pub fn delivering(&mut self) -> (Vec<&mut dyn Server>, &[String], &mut Figures) {
        let servers = self.servers.iter_mut().map(|server| server.as_mut() as &mut dyn Server);
        (servers.filter(|server| server.delivers()).collect(), &self.users, &mut self.figures)
    }

    /// Size of the stripped release binary.
    pub fn binary(&mut self, path: &Path) -> io::Result<()> {
        self.figures.put("binary MB", OURS, std::fs::metadata(path)?.len() as f64 / 1e6);
        Ok(())
    }

    /// Messages a second that were accepted, and that were in mailboxes when the last of them was.
    pub fn smtp(&mut self, kilobytes: usize, connections: usize, time: Duration) -> io::Result<()> {
        self.each(|server, users, figures| {
            // The first login of each mailbox costs a hash, which is no part of a delivery.
            server.delivered()?;
            let load = load(server, users, kilobytes * 1024, connections, Until::Time(time));
            let start = Instant::now();
            let sent = load.run()?;
            let row = |what: &str| format!("SMTP {kilobytes} KB, {connections} connections: {what}");
            figures.put(&row("accepted/s"), server.name(), sent.messages as f64 / sent.took.as_secs_f64());
            if server.delivers() {
                wait_for_mail(server, sent.messages)?;
                figures.put(&row("delivered/s"), server.name(), sent.messages as f64 / start.elapsed().as_secs_f64());
            }
            Ok(())
        })
    }

    /// Download of a whole mailbox by one client.
    pub fn pop3(&mut self, messages: u64) -> io::Result<()> {
        self.each(|server, users, figures| {
            if !server.delivers() {
                return Ok(());
            }
            fill(server, &users[..1], 4096, messages)?;
            let (fetched, octets, took) = fetch_all(server.pop3(), &users[0], "bench-pass")?;
            if fetched != messages || octets < messages * 4096 {
                return Err(io::Error::other(format!("{} gave {fetched} messages, {octets} octets", server.name())));
            }
            figures.put(
                &format!("POP3 {messages} of 4 KB: messages/s"),
                server.name(),
                messages as f64 / took.as_secs_f64(),
            );
            Ok(())
        })
    }

    /// fsync and its kind for each message: one at a time, and ten at once. A run of its own, strace slows everything.
    pub fn syncs(&mut self) -> io::Result<()> {
        self.each(|server, users, figures| {
            for (connections, count, what) in [(1, 100, "one connection"), (10, 500, "ten connections")] {
                let log = server.state().join("strace");
                let before = server.delivered()?;
                let syncs = Syncs::watch(&server.pids(), &log)?;
                load(server, users, 4096, connections, Until::Count(count)).run()?;
                if server.delivers() {
                    wait_for_mail(server, before + count)?;
                }
                let calls = syncs.count()?;
                eprintln!("  {}: {calls:?}", server.name());
                let all: u64 = calls.values().sum();
                figures.put(&format!("fsyncs a message, {what}"), server.name(), all as f64 / count as f64);
            }
            Ok(())
        })
    }

    /// Memory of a server that has just started, and of one that has worked and rested.
    pub fn memory(&mut self, seconds: f64, rest: u64) -> io::Result<()> {
        self.each(|server, users, figures| {
            let mut put = |when: &str, server: &dyn Server| {
                let memory = proc::memory(&server.pids());
                figures.put(&format!("RSS MB {when}"), server.name(), memory.rss as f64 / 1024.0);
                figures.put(&format!("PSS MB {when}"), server.name(), memory.pss as f64 / 1024.0);
            };
            thread::sleep(Duration::from_secs(rest.min(3)));
            put("after start", server);
            for kilobytes in [4, 100] {
                let time = Until::Time(Duration::from_secs_f64(seconds));
                load(server, users, kilobytes * 1024, 50, time).run()?;
            }
            put("under load", server);
            if server.delivers() {
                fetch_all(server.pop3(), &users[0], "bench-pass")?;
            }
            thread::sleep(Duration::from_secs(rest));
            put("after load and rest", server);
            Ok(())
        })
    }

    /// Fills the store; then bytes written for each new message of 4 KB, then kill -9 under load and the time to a greeting.
    pub fn wear(&mut self, gigabytes: f64) -> io::Result<()> {
        self.each(|server, users, figures| {
            if !server.delivers() {
                return Ok(());
            }
            let before = server.delivered()?;
            let size = 1_000_000;
            let count = (gigabytes * 1e9 / size as f64) as u64;
            load(server, users, size, 4, Until::Count(count)).run()?;
            wait_for_mail(server, before + count)?;
            let stored = server.stored() as f64 / 1e9;
            eprintln!("  {}: {stored:.2} GB stored", server.name());
            for (connections, count, what) in [(1, 200, "alone"), (10, 2000, "in tens")] {
                let row = |kind: &str| format!("KB {kind}, {what}, {gigabytes} GB");
                let mail = server.delivered()?;
                let (process, device) = (proc::written(&server.pids()), proc::device_written(&server.state())?);
                load(server, users, 4096, connections, Until::Count(count)).run()?;
                wait_for_mail(server, mail + count)?;
                let device = proc::device_written(&server.state())? - device;
                if server.name() == OURS {
                    let process = proc::written(&server.pids()) - process;
                    figures.put(&row("written"), server.name(), process as f64 / 1e3 / count as f64);
                }
                figures.put(&row("on the device"), server.name(), device as f64 / 1e3 / count as f64);
            }
            killed(server, users)?;
            let took = server.start()?;
            figures.put(&format!("start after kill -9, {gigabytes} GB: s"), server.name(), took.as_secs_f64());
            Ok(())
        })
    }
}

fn load(server: &dyn Server, users: &[String], size: usize, connections: usize, until: Until) -> Load {
    Load { smtp: server.smtp(), to: users.to_vec(), size, connections, until }
}

/// Puts messages into mailboxes and waits until they are there.
pub fn fill(server: &dyn Server, users: &[String], size: usize, count: u64) -> io::Result<()> {
    load(server, users, size, 10, Until::Count(count)).run()?;
    wait_for_mail(server, count)
}

fn wait_for_mail(server: &dyn Server, count: u64) -> io::Result<()> {
    let mut counted = Ok(0);
    let all = wait_until(Duration::from_secs(600), "all mail is in mailboxes", || {
        counted = server.delivered();
        !matches!(counted, Ok(n) if n < count)
    });
    match counted? {
        n if n > count => Err(io::Error::other(format!("{count} messages were sent, {n} arrived"))),
        _ => all.map(drop),
    }
}

/// kill -9 while mail streams in: the senders' errors are the point.
fn killed(server: &mut dyn Server, users: &[String]) -> io::Result<()> {
    let stream = load(server, users, 4096, 10, Until::Time(Duration::from_secs(5)));
    let senders = thread::spawn(move || stream.run());
    thread::sleep(Duration::from_millis(500));
    server.kill()?;
    match senders.join() {
        Ok(Err(_)) => Ok(()),
        _ => Err(io::Error::other("the senders did not notice that the server was killed")),
    }
}
