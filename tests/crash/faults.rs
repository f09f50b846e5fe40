//! Seeded faults, put into a recorded log: what the house would have done to the disk if it were wrong.

use super::{
    facts::Fact,
    recorder::{Ino, Op, Recorder},
};

fn fact(op: &Op) -> Option<Fact> {
    if let Op::Mark(word) = op { Some(Fact::parse(word)) } else { None }
}

/// A 250 is said as soon as the last octets came.
pub fn reply_before_commit(log: Vec<Op>) -> Vec<Op> {
    let is_kept = |op: &Op| matches!(fact(op), Some(Fact::Kept(..)));
    let (kept, rest): (Vec<Op>, Vec<Op>) = log.into_iter().partition(is_kept);
    let mut out = Vec::new();
    for op in rest {
        let said = if let Some(Fact::Said(id)) = fact(&op) { Some(id) } else { None };
        out.push(op);
        let early = kept.iter().find(|op| matches!(fact(op), Some(Fact::Kept(id, _)) if Some(id) == said));
        out.extend(early.cloned());
    }
    out
}

/// Files of the recording.
pub struct Files {
    pub log: Ino,
    pub rows: Ino,
    pub volumes: Vec<Ino>,
}

impl Files {
    pub fn of(disk: &Recorder, log: &[Op]) -> Files {
        let is = |ino: Ino, part: &str| disk.names_of(ino).iter().any(|path| path.to_string_lossy().contains(part));
        let inos = |part| {
            log.iter().filter_map(move |op| {
                if let Op::Make(_, ino) = op { Some(*ino) } else { None }.filter(|ino| is(*ino, part))
            })
        };
        let one = |part| inos(part).next().unwrap();
        Files { log: one("mail.log"), rows: one("mail.redb"), volumes: inos("/bodies/").collect() }
    }

    fn is_of_volume(&self, op: &Op) -> bool {
        matches!(op, Op::Write(ino, ..) | Op::SetLen(ino, _) | Op::Sync(ino, _) if self.volumes.contains(ino))
    }
}

/// Octets go to the volumes only when the record whose rows name them is on the disk, those of long bodies too.
pub fn rows_before_bodies(files: &Files, log: Vec<Op>) -> Vec<Op> {
    let (mut out, mut held, mut syncs) = (Vec::new(), Vec::new(), 0);
    for op in log {
        if files.is_of_volume(&op) {
            held.push((syncs + 1, op));
            continue;
        }
        syncs += usize::from(matches!(op, Op::Sync(ino, _) if ino == files.log));
        out.push(op);
        while held.first().is_some_and(|(until, _)| *until <= syncs) {
            match held.remove(0).1 {
                // It began where it returns: what it promises is what was written before.
                Op::Sync(ino, number) => out.extend([Op::Begin(number), Op::Sync(ino, number)]),
                op => out.push(op),
            }
        }
    }
    out
}

/// The files are written when the record is, not when it is synced.
pub fn files_before_record(files: &Files, log: Vec<Op>) -> Vec<Op> {
    let (mut out, mut late) = (Vec::new(), Vec::new());
    for op in log {
        let is_file = |ino: &Ino| *ino == files.rows || files.volumes.contains(ino);
        match op {
            // It began where it returns.
            Op::Sync(ino, number) if ino == files.log => late = vec![Op::Begin(number), Op::Sync(ino, number)],
            Op::Write(ref ino, ..) if is_file(ino) => out.push(op),
            op => {
                out.append(&mut late);
                out.push(op);
            }
        }
    }
    out.append(&mut late);
    out
}

/// Cut points between the files of a commit and the sync of its record, in what [`files_before_record`] made.
pub fn before_late_syncs(files: &Files, log: &[Op]) -> Vec<usize> {
    let is_file = |op: &Op| matches!(op, Op::Write(ino, ..) if *ino == files.rows || files.volumes.contains(ino));
    let is_late = |n: &usize| matches!(&log[*n], Op::Sync(ino, _) if *ino == files.log) && is_file(&log[*n - 2]);
    (2..log.len()).filter(is_late).collect()
}

/// A sync whose loss must be seen: where it is, and where the next one of its file would make it good.
#[derive(Clone, Copy, Debug)]
pub struct Skip {
    pub at: usize,
    pub until: usize,
}

/// Without this one sync.
pub fn skip(log: Vec<Op>, skip: Skip) -> Vec<Op> {
    // A place in the log stays a place in the log: a word stands there instead.
    log.into_iter().enumerate().map(|(n, op)| if n == skip.at { Op::Begin(0) } else { op }).collect()
}

/// Syncs of a file on which an acknowledgement hangs, before the file's next sync.
pub fn candidates(files: &Files, log: &[Op], is_file: impl Fn(Ino) -> bool) -> Vec<Skip> {
    let syncs = |file: Ino| {
        log.iter().enumerate().filter(move |(_, op)| matches!(op, Op::Sync(ino, _) if *ino == file)).map(|(n, _)| n)
    };
    let commits: Vec<usize> = syncs(files.log).collect();
    let mut found = Vec::new();
    for (at, op) in log.iter().enumerate() {
        let Op::Sync(ino, _) = op else { continue };
        if !is_file(*ino) {
            continue;
        }
        let until = syncs(*ino).find(|n| *n > at).unwrap_or(log.len());
        let before = syncs(*ino).take_while(|n| *n < at).last().unwrap_or(0);
        let is_dirty = log[before..at].iter().any(|op| matches!(op, Op::Write(i, ..) if i == ino));
        if is_dirty && hangs(log, &commits, Skip { at, until }) {
            found.push(Skip { at, until });
        }
    }
    found
}

/// Whether a message is acknowledged before the next sync of the file that a client sent since the record before this sync.
fn hangs(log: &[Op], commits: &[usize], Skip { at, until }: Skip) -> bool {
    let Some(previous) = commits.iter().rev().find(|n| **n < at) else { return false };
    let ids =
        |ops: &[Op], of: fn(Fact) -> Option<u32>| -> Vec<u32> { ops.iter().filter_map(fact).filter_map(of).collect() };
    let said = ids(&log[*previous..at], |fact| if let Fact::Said(id) = fact { Some(id) } else { None });
    let kept = ids(&log[at..until], |fact| if let Fact::Kept(id, _) = fact { Some(id) } else { None });
    kept.iter().any(|id| said.contains(id))
}

/// Syncs of the rows before the log is filled anew, each with the next: what stands in between hangs on nothing else.
pub fn settlings(files: &Files, log: &[Op]) -> Vec<Skip> {
    let is_sync = |op: &Op, file: Ino| matches!(op, Op::Sync(ino, _) if *ino == file);
    let rows: Vec<usize> = (0..log.len()).filter(|n| is_sync(&log[*n], files.rows)).collect();
    let pairs = rows.windows(2).map(|pair| Skip { at: pair[0], until: pair[1] });
    let is_kept = |op: &Op| matches!(fact(op), Some(Fact::Kept(..)));
    pairs.filter(|skip| log[..skip.at].iter().any(is_kept) && log[skip.at..skip.until].iter().any(is_kept)).collect()
}
