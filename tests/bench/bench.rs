//! The benchmark: Gatepost beside Debian's Postfix + Dovecot on the same machine, the same disk, in the same run.
//!
//! `scripts/bench` builds and calls it. Servers take turns within each round, so that what else the machine does meets all
//! of them; every figure is the median of the rounds. Budgets are those of section 8 of the design.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../common/dial.rs"]
mod dial;
mod imap;
mod leave;
mod load;
mod mailbox;
mod ours;
mod proc;
mod rounds;
mod server;
mod table;
mod theirs;

use std::{io, path::PathBuf, process::ExitCode, time::Duration};

use leave::Sink;
use ours::Ours;
use rounds::Bench;
use server::Server;
use table::Budget;
use theirs::Theirs;

/// Column heads.
const OURS: &str = "gatepost";
const BOTH: &str = "postfix+dovecot";
const HELD: &str = "postfix, mail held";

/// What the command line says.
struct Options {
    /// The release binary under test.
    gatepost: PathBuf,
    /// Rounds; the median is printed.
    rounds: usize,
    /// Seconds of each SMTP load.
    seconds: f64,
    /// Sizes in GB to which the store is filled for restart and wear.
    gigabytes: Vec<f64>,
    /// Messages of the POP3 download.
    messages: u64,
    /// Seconds of rest before memory is measured.
    rest: u64,
    /// Sessions that wait.
    idle: u64,
    /// Recipients that wait in the queue.
    waiting: u64,
    /// Nothing but the rows of IMAP.
    imap: bool,
}

impl Options {
    fn read() -> Result<Options, String> {
        let mut options = Options {
            gatepost: PathBuf::from("target/release/gatepost"),
            rounds: 3,
            seconds: 5.0,
            gigabytes: vec![0.1, 1.0],
            messages: 10_000,
            rest: 60,
            idle: 1000,
            waiting: 100_000,
            imap: false,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                // Enough to see that everything works; the figures mean little.
                "--short" => {
                    options = Options {
                        rounds: 1,
                        seconds: 0.5,
                        gigabytes: vec![0.02],
                        messages: 300,
                        rest: 1,
                        idle: 50,
                        waiting: 2000,
                        ..options
                    }
                }
                "--20gb" => options.gigabytes.push(20.0),
                "--imap" => options.imap = true,
                "--rounds" => options.rounds = number(&arg, args.next())?,
                "--seconds" => options.seconds = number(&arg, args.next())?,
                "--gatepost" => options.gatepost = args.next().ok_or("--gatepost PATH")?.into(),
                _ => {
                    let known = "--short, --imap, --20gb, --rounds N, --seconds N, --gatepost PATH";
                    return Err(format!("{arg}: not known; {known}"));
                }
            }
        }
        Ok(options)
    }
}

fn number<T: std::str::FromStr>(name: &str, value: Option<String>) -> Result<T, String> {
    value.and_then(|v| v.parse().ok()).ok_or_else(|| format!("{name} wants a number"))
}

/// The budgets of section 8 that this benchmark can see.
fn budget(row: &str) -> Vec<Budget> {
    if row.contains("delivered/s") {
        vec![Budget::Times(5.0, BOTH)]
    } else if row.contains("accepted/s") {
        vec![Budget::Times(1.5, BOTH), Budget::Times(1.5, HELD)]
    } else if row.contains("passed on/s") || row.starts_with("POP3") && row.contains("messages/s") {
        vec![Budget::Times(1.0, BOTH)]
    } else if row.ends_with("IDLE sessions, plain: RSS MB") {
        vec![Budget::Most(24.0)]
    } else if row.ends_with("IDLE sessions, TLS: RSS MB") {
        vec![Budget::Most(36.0)]
    } else if row.ends_with("IDLE sessions, plain: kB a session (PSS)") {
        vec![Budget::Most(12.0)]
    } else if row.starts_with("IMAP") {
        vec![Budget::Times(1.0, BOTH)]
    } else if row.starts_with("start after kill -9") {
        vec![Budget::Most(0.3)]
    } else if row.starts_with("KB written, alone") {
        vec![Budget::Most(200.0), Budget::Within(1.5, "KB written, alone, 0.1 GB")]
    } else if row.starts_with("KB written, in tens") {
        vec![Budget::Most(35.0), Budget::Within(1.5, "KB written, in tens, 0.1 GB")]
    } else if row.starts_with("RSS MB after start") {
        vec![Budget::Most(14.0)]
    } else if row.starts_with("RSS MB after load") || row.ends_with(" waiting") {
        vec![Budget::Most(24.0)]
    } else if row.starts_with("binary MB") {
        vec![Budget::Most(8.0)]
    } else {
        vec![Budget::None]
    }
}

fn run(options: &Options) -> io::Result<bool> {
    let users: Vec<String> = (0..10).map(|n| format!("user{n}@office.test")).collect();
    // Not under the tree: Postfix' and Dovecot's users must be able to reach it.
    let dir = PathBuf::from(format!("/var/tmp/gatepost-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let next = proc::free_port()?;
    let servers: Vec<Box<dyn Server>> = vec![
        Box::new(Ours::new(&options.gatepost, &dir.join("ours"), &users, next)?),
        Box::new(Theirs::new(&dir.join("both"), &users, false, next)?),
        Box::new(Theirs::new(&dir.join("held"), &users, true, next)?),
    ];
    let mut sink = Sink::new(&dir, next);
    let mut bench = Bench::new(servers, users);
    let done = measure(&mut bench, options, &mut sink);
    bench.end();
    std::fs::remove_dir_all(&dir)?;
    println!();
    let kept = table::print(&bench.figures, &[OURS, BOTH, HELD], budget);
    println!("\nMedians of up to {} rounds. Configurations:\n{}", bench.figures.runs(), bench.configurations);
    // What was measured until an error is printed too.
    done.map(|()| kept)
}

fn measure(bench: &mut Bench, options: &Options, sink: &mut Sink) -> io::Result<()> {
    bench.binary(&options.gatepost)?;
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        if options.imap {
            bench.imap(options.messages)?;
            continue;
        }
        for size in [4, 100] {
            for connections in [1, 10, 50] {
                bench.smtp(size, connections, Duration::from_secs_f64(options.seconds))?;
            }
        }
        for connections in [1, 10] {
            bench.leave(sink, connections, Duration::from_secs_f64(options.seconds))?;
        }
        bench.pop3(options.messages)?;
        bench.imap(options.messages)?;
    }
    for tls in [false, true] {
        bench.idle(options.idle, tls)?;
    }
    if options.imap {
        return Ok(());
    }
    bench.syncs()?;
    bench.memory(options.seconds, options.rest)?;
    bench.waiting(options.waiting, options.rest)?;
    for gigabytes in &options.gigabytes {
        bench.wear(*gigabytes)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match Options::read().map_err(io::Error::other).and_then(|options| run(&options)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            println!("A budget is missed.");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("the benchmark ended: {error}");
            ExitCode::FAILURE
        }
    }
}
