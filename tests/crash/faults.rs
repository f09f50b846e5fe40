//! Seeded faults, put into a recorded log: what the house would have done to the disk if it were wrong.

use super::{
    facts::Fact,
    recorder::{Ino, Op, Recorder},
};

/// Syncs of `mail.redb` in one commit: the pages, then the word that makes them count.
const SYNCS_OF_A_COMMIT: usize = 2;

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
    pub mail: Ino,
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
        Files { mail: inos("mail.redb").next().unwrap(), volumes: inos("/bodies/").collect() }
    }

    fn is_of_volume(&self, op: &Op) -> bool {
        matches!(op, Op::Write(ino, ..) | Op::SetLen(ino, _) | Op::Sync(ino, _) if self.volumes.contains(ino))
    }
}

/// Octets go to the volumes only when the rows that name them are on the disk.
pub fn rows_before_bodies(files: &Files, log: Vec<Op>) -> Vec<Op> {
    let (mut out, mut held, mut syncs) = (Vec::new(), Vec::new(), 0);
    for op in log {
        if files.is_of_volume(&op) {
            held.push((syncs + SYNCS_OF_A_COMMIT, op));
            continue;
        }
        syncs += usize::from(matches!(op, Op::Sync(ino, _) if ino == files.mail));
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
    let commits: Vec<usize> = syncs(files.mail).collect();
    let mut found = Vec::new();
    for (at, op) in log.iter().enumerate() {
        let Op::Sync(ino, _) = op else { continue };
        if !is_file(*ino) {
            continue;
        }
        let until = syncs(*ino).find(|n| *n > at).unwrap_or(log.len());
        let before = syncs(*ino).take_while(|n| *n < at).last().unwrap_or(0);
        let is_dirty = log[before..at].iter().any(|op| matches!(op, Op::Write(i, ..) if i == ino));
        if is_dirty && hangs(log, &commits, *ino == files.mail, Skip { at, until }) {
            found.push(Skip { at, until });
        }
    }
    found
}

/// Whether a message was acknowledged between the sync (or the commit behind it) and the next sync of the file, that came in after the
/// commit before: it is of this commit and no other.
fn hangs(log: &[Op], commits: &[usize], is_mail: bool, Skip { at, until }: Skip) -> bool {
    let next = commits.partition_point(|n| *n < at);
    let (first, done) = if is_mail { (next.checked_sub(1), Some(next)) } else { (Some(next), Some(next + 1)) };
    let (Some(first), Some(done)) = (first, done.and_then(|n| commits.get(n))) else { return false };
    let Some(previous) = first.checked_sub(1).map(|n| commits[n]) else { return false };
    // A volume is synced beside the first sync of its commit and may end behind it: then nothing was written since that one,
    // and which commit it is of cannot be told from here.
    let wrote = |op: &Op| matches!((op, &log[at]), (Op::Write(ino, ..), Op::Sync(file, _)) if ino == file);
    if !is_mail && !log[previous..at].iter().any(wrote) {
        return false;
    }
    let said: Vec<u32> = log[previous..at]
        .iter()
        .filter_map(|op| if let Some(Fact::Said(id)) = fact(op) { Some(id) } else { None })
        .collect();
    let kept = |op: &Op| matches!(fact(op), Some(Fact::Kept(id, _)) if said.contains(&id));
    *done < until && log[*done..until].iter().any(kept)
}
