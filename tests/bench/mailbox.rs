//! The rows of IMAP: one client over a mailbox of thousands, and a thousand clients that wait.

use std::{io, thread, time::Duration};

use crate::{imap::Imap, load, proc, rounds::Bench, server::Server, table::Figures};

/// Messages that are copied and moved.
const MOVED: u64 = 1000;
/// Messages that are appended.
const APPENDED: u64 = 500;
/// Logins that are timed.
const LOGINS: u64 = 200;
/// How often a command of milliseconds is timed. A single one says more of the machine's other work than of a server.
const REPEATED: usize = 31;

impl Bench {
    /// One mailbox of `messages` messages of 4 KB, one client. All servers stay up until the last row: one that is not asked
    /// waits, and rows of milliseconds are asked of all in turn.
    pub fn imap(&mut self, messages: u64) -> io::Result<()> {
        let (mut servers, users, figures) = self.delivering();
        for server in &mut servers {
            server.wipe()?;
            server.start()?;
            crate::rounds::fill(*server, &users[..1], 4096, messages)?;
            reading(*server, &users[0], messages, figures)?;
        }
        repeated(&servers, &users[0], messages, figures)?;
        for server in &mut servers {
            searching(*server, &users[0], messages, figures)?;
            changing(*server, &users[0], messages, figures)?;
            server.stop()?;
        }
        Ok(())
    }

    /// `sessions` sessions in IDLE on ten mailboxes: memory of the server before and after, for each session.
    pub fn idle(&mut self, sessions: u64, tls: bool) -> io::Result<()> {
        self.each(|server, users, figures| {
            if !server.delivers() {
                return Ok(());
            }
            crate::rounds::fill(server, users, 4096, 10 * users.len() as u64)?;
            let at = if tls { server.imaps() } else { server.imap() };
            let first = idler(at, users, 0, tls)?;
            thread::sleep(Duration::from_secs(1));
            let before = proc::memory(&server.pids());
            let all = (1..=sessions).map(|n| idler(at, users, n, tls)).collect::<io::Result<Vec<_>>>()?;
            thread::sleep(Duration::from_secs(2));
            let after = proc::memory(&server.pids());
            drop((first, all));
            let what = format!("{sessions} IDLE sessions, {}", if tls { "TLS" } else { "plain" });
            figures.put(&format!("{what}: RSS MB"), server.name(), after.rss as f64 / 1024.0);
            let each = (after.pss.saturating_sub(before.pss)) as f64 * 1.024 / sessions as f64;
            figures.put(&format!("{what}: kB a session (PSS)"), server.name(), each);
            Ok(())
        })
    }
}

fn idler(at: std::net::SocketAddr, users: &[String], n: u64, tls: bool) -> io::Result<Imap> {
    let mut imap = Imap::connect(at, 2 + (n % 20) as u8, tls)?;
    imap.login(&users[(n % users.len() as u64) as usize])?;
    imap.ask("SELECT INBOX")?;
    imap.idle()?;
    Ok(imap)
}

fn put(figures: &mut Figures, server: &dyn Server, row: &str, count: u64, took: Duration) {
    figures.put(&format!("IMAP {row}"), server.name(), count as f64 / took.as_secs_f64());
}

/// A command over all messages that must answer with so many lines and octets at least.
fn over_all(imap: &mut Imap, command: &str, lines: u64, octets: u64) -> io::Result<Duration> {
    let heard = imap.ask(command)?;
    if heard.untagged < lines || heard.octets < octets {
        let told = format!("{command}: {} answers, {} octets; {lines} wanted", heard.untagged, heard.octets);
        return Err(io::Error::other(told));
    }
    Ok(heard.took)
}

fn reading(server: &mut dyn Server, user: &str, messages: u64, figures: &mut Figures) -> io::Result<()> {
    // Cold: nobody has looked at these messages since the server was started.
    server.stop()?;
    server.start()?;
    let at = server.imap();
    let mut imap = Imap::open(at, user, "INBOX")?;
    let structure = "FETCH 1:* (ENVELOPE BODYSTRUCTURE)";
    for (row, command) in [
        ("ENVELOPE+BODYSTRUCTURE, cold: messages/s", structure),
        ("ENVELOPE+BODYSTRUCTURE, warm: messages/s", structure),
        ("bodies: messages/s", "FETCH 1:* BODY.PEEK[]"),
    ] {
        let least = if row.starts_with("bodies") { messages * 4096 } else { messages };
        let took = over_all(&mut imap, command, messages, least)?;
        put(figures, server, row, messages, took);
    }
    let last = format!("FETCH {}:{messages} ENVELOPE", messages.saturating_sub(49).max(1));
    let took = (0..100).map(|_| imap.ask(&last).map(|h| h.took)).sum::<io::Result<Duration>>()?;
    put(figures, server, "last 50 envelopes: times/s", 100, took);
    let start = std::time::Instant::now();
    for _ in 0..LOGINS {
        Imap::open(at, user, "INBOX")?.ask("LOGOUT")?;
    }
    put(figures, server, "login+select: times/s", LOGINS, start.elapsed());
    Ok(())
}

/// Commands over all messages that take milliseconds: each server has a session of its own, they are asked in turn, each
/// first as often as second, and the median of the times counts. The first round, in which caches are filled, does not.
fn repeated(servers: &[&mut dyn Server], user: &str, messages: u64, figures: &mut Figures) -> io::Result<()> {
    let open = |server: &&mut dyn Server| Imap::open(server.imap(), user, "INBOX");
    let mut sessions = servers.iter().map(open).collect::<io::Result<Vec<_>>>()?;
    // Lines and octets of the answer at least: nothing has the subject, and all are unseen.
    for (row, command, lines, octets) in [
        ("FLAGS", "FETCH 1:* (UID FLAGS)", messages, 20 * messages),
        ("SEARCH SUBJECT", "SEARCH SUBJECT nowhere", 1, 0),
        ("SEARCH UNSEEN", "SEARCH UNSEEN", 1, 2 * messages),
    ] {
        let mut took = vec![Vec::new(); servers.len()];
        for round in 0..=REPEATED {
            for turn in 0..servers.len() {
                let whose = (turn + round) % servers.len();
                let time = over_all(&mut sessions[whose], command, lines, octets)?;
                if round > 0 {
                    took[whose].push(time);
                }
            }
        }
        for (server, mut took) in servers.iter().zip(took) {
            took.sort();
            put(figures, *server, &format!("{row}, median of {REPEATED}: messages/s"), messages, took[REPEATED / 2]);
        }
    }
    Ok(())
}

fn searching(server: &mut dyn Server, user: &str, messages: u64, figures: &mut Figures) -> io::Result<()> {
    let mut imap = Imap::open(server.imap(), user, "INBOX")?;
    let took = imap.ask("SEARCH BODY nowhere")?.took;
    put(figures, server, "SEARCH BODY: messages/s", messages, took);
    Ok(())
}

fn changing(server: &mut dyn Server, user: &str, messages: u64, figures: &mut Figures) -> io::Result<()> {
    let mut imap = Imap::open(server.imap(), user, "INBOX")?;
    let took = imap.ask("STORE 1:* +FLAGS.SILENT (\\Flagged)")?.took;
    put(figures, server, "STORE of all: messages/s", messages, took);
    imap.ask("CREATE Copies")?;
    imap.ask("CREATE Moved")?;
    let moved = MOVED.min(messages);
    let took = imap.ask(&format!("COPY 1:{moved} Copies"))?.took;
    put(figures, server, "COPY of 1000: messages/s", moved, took);
    let took = imap.ask(&format!("MOVE 1:{moved} Moved"))?.took;
    put(figures, server, "MOVE of 1000: messages/s", moved, took);
    let text = load::message(4096);
    let text = text.strip_suffix(b".\r\n").unwrap_or(&text);
    let start = std::time::Instant::now();
    let appended = APPENDED.min(messages);
    for _ in 0..appended {
        imap.append("Copies", text)?;
    }
    put(figures, server, "APPEND 4 KB: messages/s", appended, start.elapsed());
    Ok(())
}
