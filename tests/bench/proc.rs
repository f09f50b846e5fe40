//! What the kernel says of a server: memory, bytes written, fsyncs, time until it listens.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A process and all its descendants.
pub fn tree(root: u32) -> Vec<u32> {
    let mut parents: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in parentheses may hold anything; the parent is the second word behind it.
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        parents.entry(parent.unwrap_or(0)).or_default().push(pid);
    }
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        found.extend(parents.get(&found[at]).into_iter().flatten());
        at += 1;
    }
    found
}

/// Memory in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Sum of resident sets: shared pages count in each process.
    pub rss: u64,
    /// Sum of proportional sets: shared pages are divided.
    pub pss: u64,
}

/// Memory of all `pids` together.
pub fn memory(pids: &[u32]) -> Memory {
    let mut sum = Memory::default();
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        sum.rss += kib(&text, "Rss:");
        sum.pss += kib(&text, "Pss:");
    }
    sum
}

fn kib(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|l| l.strip_prefix(key));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Bytes that the processes sent to the disk so far (`/proc/PID/io`, write_bytes).
pub fn written(pids: &[u32]) -> u64 {
    let io = pids.iter().map(|pid| fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default());
    io.map(|text| kib(&text, "write_bytes:")).sum()
}

/// Bytes written to the device under `path` so far, by anybody; the file system's journal too. Flushes first.
pub fn device_written(path: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Command::new("sync").status()?;
    let device = fs::metadata(path)?.dev();
    // Linux packs the numbers: glibc's gnu_dev_major and minor.
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    let stats = fs::read_to_string("/proc/diskstats")?;
    let fields = stats.lines().map(|l| l.split_whitespace().collect::<Vec<_>>());
    let (major, minor) = (major.to_string(), minor.to_string());
    let sectors =
        fields.filter(|f| f.len() > 9 && f[0] == major && f[1] == minor).filter_map(|f| f[9].parse::<u64>().ok());
    sectors
        .map(|s| s * 512)
        .next()
        .ok_or_else(|| io::Error::other("the work directory is on no device of /proc/diskstats"))
}

/// strace on running processes and all they start, counting what waits for the disk.
pub struct Syncs {
    strace: Child,
    log: std::path::PathBuf,
}

impl Syncs {
    /// Attaches; returns when every process is traced.
    pub fn watch(pids: &[u32], log: &Path) -> io::Result<Syncs> {
        let mut command = Command::new("strace");
        command.args(["-f", "-q", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o"]).arg(log);
        for pid in pids {
            command.args(["-p", &pid.to_string()]);
        }
        let strace = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        for pid in pids {
            wait_until(Duration::from_secs(10), "strace attaches", || {
                let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
                // A process of Postfix may end meanwhile.
                status.is_empty() || !status.contains("TracerPid:\t0\n")
            })?;
        }
        Ok(Syncs { strace, log: log.to_owned() })
    }

    /// Detaches; how often each call was made.
    pub fn count(mut self) -> io::Result<BTreeMap<String, u64>> {
        Command::new("kill").args(["-INT", &self.strace.id().to_string()]).status()?;
        self.strace.wait()?;
        let mut calls = BTreeMap::new();
        for line in fs::read_to_string(&self.log)?.lines() {
            // "1234  fdatasync(7) = 0", or in two halves, of which only the first has the parenthesis.
            let Some(call) = line.split_whitespace().nth(1).and_then(|w| w.split_once('(')) else { continue };
            *calls.entry(call.0.to_owned()).or_default() += 1;
        }
        Ok(calls)
    }
}

/// Waits for something; the error says what.
pub fn wait_until(limit: Duration, what: &str, mut done: impl FnMut() -> bool) -> io::Result<Duration> {
    let start = Instant::now();
    while !done() {
        if start.elapsed() > limit {
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("{what}: not within {limit:?}")));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(start.elapsed())
}

/// Waits until a greeting comes from the port.
pub fn wait_for_greeting(at: SocketAddr) -> io::Result<Duration> {
    wait_until(Duration::from_secs(60), &format!("a greeting on {at}"), || {
        use std::io::Read;
        let Ok(mut stream) = TcpStream::connect(at) else { return false };
        stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
            && matches!(stream.read(&mut [0; 3]), Ok(n) if n > 0)
    })
}

/// A port of loopback that is free now.
pub fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Octets below a directory.
pub fn size_of(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|e| if e.path().is_dir() { size_of(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) }).sum()
}
