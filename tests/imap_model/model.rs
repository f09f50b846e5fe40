//! What a client may believe, and what is true. Every untagged line is held against both.

use std::collections::BTreeMap;

use crate::wire::{Facts, Said};

/// What all clients found out about a folder together.
#[derive(Debug, Default)]
pub struct Truth {
    /// The one subject of each UID, for ever.
    subjects: BTreeMap<u32, String>,
    /// The flags of a message at a MODSEQ: two answers never differ.
    states: BTreeMap<(u32, u64), Vec<String>>,
    /// The highest MODSEQ that anybody heard.
    pub highest: u64,
    pub validity: Option<u32>,
    /// Lines that were held against it.
    pub checked: u64,
}

impl Truth {
    /// The subject of a UID, if anybody saw it.
    pub fn subject(&self, uid: u32) -> Option<&String> {
        self.subjects.get(&uid)
    }
}

/// What a command allows to be said while it runs.
#[derive(Clone, Debug, Default)]
pub struct Within {
    /// FETCH, STORE or SEARCH by number: no EXPUNGE.
    pub frozen: bool,
    /// What the numbers meant when the command was sent, if they still must mean that.
    pub meant: Option<Vec<Option<u32>>>,
}

/// A client's belief of the selected folder.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// The UID of each number, where it is known.
    pub uids: Vec<Option<u32>>,
    /// Flags, as the client has heard or made them.
    pub flags: BTreeMap<u32, Vec<String>>,
    modseqs: BTreeMap<u32, u64>,
}

impl Picture {
    /// Holds one thing that was said against what is known, and believes it.
    pub fn hear(&mut self, said: &Said, within: &Within, truth: &mut Truth) -> Result<(), String> {
        truth.checked += 1;
        match said {
            Said::Exists(n) => {
                let had = self.uids.len();
                if (*n as usize) < had {
                    return Err(format!("EXISTS {n} takes away: there were {had}"));
                }
                self.uids.resize(*n as usize, None);
            }
            Said::Expunge(n) => {
                if within.frozen {
                    return Err(format!("EXPUNGE {n} while numbers are frozen"));
                }
                let at = (*n as usize).checked_sub(1).filter(|at| *at < self.uids.len());
                let at = at.ok_or(format!("EXPUNGE {n} of {} messages", self.uids.len()))?;
                if let Some(uid) = self.uids.remove(at) {
                    self.flags.remove(&uid);
                }
            }
            Said::Fetch(n, facts) => self.fetched(*n, facts, within, truth)?,
            Said::Highest(n) => truth.highest = truth.highest.max(*n),
            Said::Validity(n) => {
                if truth.validity.is_some_and(|had| had != *n) {
                    return Err(format!("UIDVALIDITY {n} was {:?}", truth.validity));
                }
                truth.validity = Some(*n);
            }
            Said::Search(_) | Said::Next(_) | Said::CopyUid(_) | Said::Other => {}
        }
        Ok(())
    }

    fn fetched(&mut self, n: u32, facts: &Facts, within: &Within, truth: &mut Truth) -> Result<(), String> {
        let at = (n as usize).checked_sub(1).filter(|at| *at < self.uids.len());
        let at = at.ok_or(format!("FETCH {n} of {} messages", self.uids.len()))?;
        if let Some(uid) = facts.uid {
            self.learn(at, uid)?;
        }
        let Some(uid) = self.uids[at] else { return Ok(()) };
        if let Some(Some(meant)) = within.meant.as_ref().and_then(|meant| meant.get(at).copied())
            && meant != uid
        {
            return Err(format!("number {n} meant UID {meant} when it was sent, and is UID {uid} now"));
        }
        if let Some(subject) = &facts.subject {
            let known = truth.subjects.entry(uid).or_insert_with(|| subject.clone());
            if known != subject {
                return Err(format!("UID {uid} (number {n}) is {subject}, but was {known}"));
            }
        }
        if let Some(modseq) = facts.modseq {
            let had = self.modseqs.insert(uid, modseq).unwrap_or(0);
            if modseq < had {
                return Err(format!("MODSEQ of UID {uid} fell from {had} to {modseq}"));
            }
            truth.highest = truth.highest.max(modseq);
            if let Some(flags) = &facts.flags {
                let known = truth.states.entry((uid, modseq)).or_insert_with(|| flags.clone());
                if known != flags {
                    return Err(format!("UID {uid} has {flags:?} at MODSEQ {modseq}, and had {known:?} at the same"));
                }
            }
        }
        if let Some(flags) = &facts.flags {
            self.flags.insert(uid, flags.clone());
        }
        Ok(())
    }

    /// UIDs rise with the numbers, and a number's UID is found out once.
    fn learn(&mut self, at: usize, uid: u32) -> Result<(), String> {
        if let Some(known) = self.uids[at].filter(|known| *known != uid) {
            return Err(format!("number {} is UID {uid}, but was UID {known}", at + 1));
        }
        let below = self.uids[..at].iter().flatten().next_back();
        let above = self.uids[at + 1..].iter().flatten().next();
        if below.is_some_and(|below| *below >= uid) || above.is_some_and(|above| *above <= uid) {
            return Err(format!("UID {uid} at number {} between {below:?} and {above:?}", at + 1));
        }
        self.uids[at] = Some(uid);
        Ok(())
    }

    /// The client changed flags in silence: it believes what it asked for.
    pub fn changed(&mut self, uid: u32, how: &str, flags: &[String]) {
        let Some(had) = self.flags.get_mut(&uid) else { return };
        match how {
            "+" => had.extend(flags.iter().cloned()),
            "-" => had.retain(|flag| !flags.contains(flag)),
            _ => *had = flags.to_vec(),
        }
        had.sort();
        had.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::said;

    /// The lines of a story, one after another, frozen or not; what is wrong with the last of them.
    fn wrong(lines: &[&str], frozen: bool) -> Option<String> {
        let (mut picture, mut truth) = (Picture::default(), Truth::default());
        let meant = frozen.then(|| vec![Some(1), Some(2), Some(3)]);
        let within = Within { frozen, meant };
        let (last, before) = lines.split_last().unwrap();
        for line in before {
            picture.hear(&said(line.as_bytes()), &Within::default(), &mut truth).unwrap();
        }
        picture.hear(&said(last.as_bytes()), &within, &mut truth).err()
    }

    const THREE: &str = "* 3 EXISTS";

    /// A model that lets everything pass would look the same as a server that makes no mistake.
    #[test]
    fn what_a_server_must_not_say_is_found() {
        for (lines, frozen) in [
            (&[THREE, "* 2 EXPUNGE"][..], true),
            (&[THREE, "* 4 EXPUNGE"], false),
            (&[THREE, "* 2 EXISTS"], false),
            (&[THREE, "* 4 FETCH (UID 9)"], false),
            (&[THREE, "* 2 FETCH (UID 2)", "* 1 FETCH (UID 2)"], false),
            (&[THREE, "* 2 FETCH (UID 2)", "* 2 FETCH (UID 3)"], false),
            // After an EXPUNGE that the client heard, the second is another; one that it did not hear is the mistake.
            (&[THREE, "* 2 FETCH (UID 2)", "* 1 EXPUNGE", "* 2 FETCH (UID 2)"], false),
            (&[THREE, "* 1 EXPUNGE", "* 2 FETCH (UID 3)"], true),
            (&[THREE, "* 1 FETCH (UID 1 BODY[] \"unique-1\")", "* 1 FETCH (BODY[] \"unique-2\")"], false),
            (&[THREE, "* 1 FETCH (UID 1 MODSEQ (7))", "* 1 FETCH (UID 1 MODSEQ (6))"], false),
            (&[THREE, "* 1 FETCH (UID 1 FLAGS (a) MODSEQ (7))", "* 1 FETCH (UID 1 FLAGS (b) MODSEQ (7))"], false),
            (&["* OK [UIDVALIDITY 1] x", "* OK [UIDVALIDITY 2] x"], false),
        ] {
            assert!(wrong(lines, frozen).is_some(), "{lines:?}");
        }
    }

    #[test]
    fn what_a_server_may_say_is_let_pass() {
        for lines in [
            &[THREE, "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (5))", "* 1 EXPUNGE", "* 1 FETCH (UID 2)"][..],
            &[THREE, "* 1 FETCH (UID 1 FLAGS (a) MODSEQ (7))", "* 1 FETCH (FLAGS (b) MODSEQ (8))"],
            &[THREE, "* 3 FETCH (UID 30 BODY[HEADER.FIELDS (SUBJECT)] {18}\r\nSubject: unique-1\n)"],
        ] {
            assert_eq!(wrong(lines, false), None, "{lines:?}");
        }
    }
}
