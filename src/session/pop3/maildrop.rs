//! A snapshot of INBOX as it was at the login (RFC 1939 s3, s5): numbers that stay, marks that wait for QUIT.
//!
//! No lock: other clients may read and delete meanwhile. What they deleted is found missing when it is asked for.

use crate::{
    journal::Pop3Counts,
    policy::LoggedIn,
    store::{FlagEdit, How, Store, StoreError},
    types::{BodyId, Flags, FolderName, MessageRow, Uid},
    wire::pop3::{Say, say},
};

/// Rows a read of the store gives at a time.
const PAGE: usize = 1000;

/// What is kept of a message: 16 octets, so that a maildrop of 10,000 costs 170 KB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where its text is.
    pub body: BodyId,
    /// For UIDL and for QUIT.
    pub uid: Uid,
    /// Octets; a body lies in one volume, which is far below 4 GiB.
    pub size: u32,
}

/// Message numbers are indices + 1.
pub struct Maildrop {
    /// Whose it is.
    pub who: LoggedIn,
    /// What the session did, for the journal.
    pub counts: Pop3Counts,
    uidvalidity: u32,
    entries: Vec<Entry>,
    marked: Vec<bool>,
    /// Which are unseen, as far as this session knows.
    unseen: Vec<bool>,
    /// Those that it gave out and that were unseen: they become \Seen when it ends.
    read: Vec<Uid>,
}

impl Maildrop {
    /// Reads the rows in pages; no read transaction is held between them.
    pub async fn load(store: &Store, who: LoggedIn) -> Result<Self, StoreError> {
        let inbox = FolderName::inbox();
        let (mut uidvalidity, mut entries, mut unseen) = (0, Vec::new(), Vec::new());
        let mut after = Uid(0);
        loop {
            let (validity, rows) = match store.messages(who.mailbox, &inbox, after, PAGE).await {
                Ok(page) => page,
                // No folder yet: nothing was ever delivered.
                Err(StoreError::Missing) => (uidvalidity, Vec::new()),
                Err(error) => return Err(error),
            };
            if !entries.is_empty() && validity != uidvalidity {
                return Err(StoreError::Unavailable("INBOX was made anew while it was read".into()));
            }
            uidvalidity = validity;
            let whole = rows.len() == PAGE;
            after = rows.last().map_or(after, |row| row.uid);
            entries.extend(rows.iter().map(entry));
            unseen.extend(rows.iter().map(|row| !row.flags.has(Flags::SEEN)));
            if !whole {
                return Ok(Self { unseen, ..Self::of(who, uidvalidity, entries) });
            }
        }
    }

    fn of(who: LoggedIn, uidvalidity: u32, entries: Vec<Entry>) -> Self {
        let octets = entries.iter().map(|e| u64::from(e.size)).sum();
        let counts = Pop3Counts { messages: entries.len() as u64, octets, ..Pop3Counts::default() };
        let (marked, unseen) = (vec![false; entries.len()], vec![true; entries.len()]);
        Maildrop { who, counts, uidvalidity, entries, marked, unseen, read: Vec::new() }
    }

    /// How many numbers there are, marked ones too.
    pub fn last(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Messages and octets that are not marked (STAT).
    pub fn stat(&self) -> (u64, u64) {
        let kept = self.entries.iter().zip(&self.marked).filter(|(_, marked)| !**marked);
        kept.fold((0, 0), |(n, octets), (entry, _)| (n + 1, octets + u64::from(entry.size)))
    }

    /// The message of a number.
    pub fn get(&self, number: u32) -> Result<Entry, Say> {
        let at = index(number).filter(|at| *at < self.entries.len()).ok_or(say::NO_MESSAGE)?;
        if self.marked[at] { Err(say::DELETED) } else { Ok(self.entries[at]) }
    }

    /// The unique identifier: UIDVALIDITY and UID, of which neither is ever used again (RFC 1939 s7, at most 21 characters).
    pub fn uidl(&self, entry: Entry) -> String {
        format!("{}.{}", self.uidvalidity, entry.uid.0)
    }

    /// DELE.
    pub fn mark(&mut self, number: u32) -> Result<(), Say> {
        self.get(number)?;
        if let Some(marked) = index(number).and_then(|at| self.marked.get_mut(at)) {
            *marked = true;
        }
        Ok(())
    }

    /// RSET.
    pub fn unmark_all(&mut self) {
        self.marked.fill(false);
    }

    /// RETR gave it out whole.
    pub fn was_read(&mut self, number: u32) {
        let Some(at) = index(number).filter(|at| *at < self.entries.len()) else { return };
        if std::mem::replace(&mut self.unseen[at], false) {
            self.read.push(self.entries[at].uid);
        }
    }

    /// Sets \Seen for what was given out, as Dovecot does, in one transaction when the session ends, with QUIT or without.
    /// What is gone by then needs none.
    pub async fn keep_seen(&mut self, store: &Store) -> Result<(), StoreError> {
        let read = std::mem::take(&mut self.read);
        if read.is_empty() {
            return Ok(());
        }
        let inbox = store.folder(self.who.mailbox, &FolderName::inbox()).await?;
        if inbox.validity == self.uidvalidity {
            let seen = FlagEdit { how: How::Add, flags: Flags::SEEN, keywords: Vec::new(), unchanged_since: None };
            store.flag(inbox.id, read, seen).await?;
        }
        Ok(())
    }

    /// QUIT is about to remove what is marked.
    pub fn forget_marked(&mut self) {
        let marked = self.marked();
        self.read.retain(|uid| marked.binary_search(uid).is_err());
    }

    /// What QUIT is to remove.
    pub fn marked(&self) -> Vec<Uid> {
        self.entries.iter().zip(&self.marked).filter(|(_, marked)| **marked).map(|(entry, _)| entry.uid).collect()
    }
}

fn entry(row: &MessageRow) -> Entry {
    Entry { body: row.body, uid: row.uid, size: u32::try_from(row.size).unwrap_or(u32::MAX) }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::types::{Address, MailboxId};

    pub fn maildrop(sizes: &[u32]) -> Maildrop {
        let address = Address::parse("ann@office.test").unwrap();
        let who = LoggedIn { mailbox: MailboxId(1), address, mechanism: "USER" };
        let entry = |(n, size): (u32, &u32)| Entry { body: BodyId(n.into()), uid: Uid(10 + n), size: *size };
        Maildrop::of(who, 77, (0..).zip(sizes).map(entry).collect())
    }

    #[test]
    fn numbers_stay_when_messages_are_marked() {
        let mut drop = maildrop(&[100, 20, 3]);
        assert_eq!((drop.stat(), drop.last()), ((3, 123), 3));
        assert_eq!(drop.mark(2), Ok(()));
        assert_eq!(drop.mark(2), Err(say::DELETED));
        assert_eq!(drop.get(2), Err(say::DELETED));
        assert_eq!(drop.get(3).map(|e| e.size), Ok(3));
        assert_eq!((drop.stat(), drop.last()), ((2, 103), 3));
        assert_eq!(drop.marked(), [Uid(11)]);
        drop.unmark_all();
        assert_eq!((drop.stat(), drop.marked()), ((3, 123), vec![]));
    }

    #[test]
    fn what_was_given_out_and_stays_is_seen_once() {
        let mut drop = maildrop(&[1, 2, 3]);
        for number in [3, 1, 3, 9] {
            drop.was_read(number);
        }
        assert_eq!(drop.read, [Uid(12), Uid(10)]);
        assert_eq!(drop.mark(1), Ok(()));
        drop.forget_marked();
        assert_eq!(drop.read, [Uid(12)]);
    }

    #[test]
    fn there_is_no_message_zero_and_none_behind_the_last() {
        let mut drop = maildrop(&[1]);
        for number in [0, 2, u32::MAX] {
            assert_eq!(drop.get(number), Err(say::NO_MESSAGE));
            assert_eq!(drop.mark(number), Err(say::NO_MESSAGE));
        }
        assert_eq!(maildrop(&[]).stat(), (0, 0));
    }

    #[test]
    fn an_identifier_names_the_folder_and_the_message() {
        let drop = maildrop(&[1, 2]);
        assert_eq!(drop.get(2).map(|e| drop.uidl(e)), Ok("77.11".to_owned()));
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 16);
    }
}
