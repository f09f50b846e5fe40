//! Folders of a mailbox: made, removed, renamed, subscribed to, inside the writer's transaction.
//!
//! A folder has a number that stays; its name is the key of its row, and `places` leads from the number to the name. The number
//! is what sessions hold, so that a rename does not disturb who has the folder selected.

use redb::ReadableTable;

use super::{
    apply::{Answer, Tables},
    fault::Fault,
    messages::Links,
    rows::{self, Place, Subscribed},
    watch,
};
use crate::{
    limits,
    types::{FolderId, FolderName, MailboxId, ModSeq, Special, Uid},
};

/// A folder as it is now. Every count is kept at commit, none is made by a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Stays when it is renamed; never given twice.
    pub id: FolderId,
    /// INBOX or another.
    pub name: FolderName,
    /// RFC 6154.
    pub special: Special,
    /// UIDVALIDITY.
    pub validity: u32,
    /// UIDNEXT.
    pub next_uid: Uid,
    /// HIGHESTMODSEQ.
    pub modseq: ModSeq,
    /// Messages.
    pub messages: u32,
    /// Messages without \Seen.
    pub unseen: u32,
    /// Messages with \Deleted.
    pub deleted: u32,
    /// Octets (STATUS SIZE, RFC 8438).
    pub bytes: u64,
}

impl Folder {
    /// A row under its name.
    pub(super) fn of(name: FolderName, row: &rows::Folder) -> Folder {
        let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Folder {
            id: FolderId(row.id),
            name,
            special: row.special,
            validity: row.validity,
            next_uid: Uid(row.next_uid),
            modseq: ModSeq(row.modseq),
            messages: count(row.messages),
            unseen: count(row.unseen),
            deleted: count(row.deleted),
            bytes: row.bytes,
        }
    }
}

/// What is done to the folders of a mailbox.
pub(super) enum FolderWork {
    /// Makes those that are not there, and subscribes to them (D2).
    Make(Vec<(FolderName, Special)>),
    Create(FolderName, Special),
    Delete(FolderName),
    Rename(FolderName, FolderName),
    Subscribe(FolderName, bool),
}

/// A folder that this transaction has touched.
pub(super) struct Opened {
    pub place: Place,
    pub row: rows::Folder,
}

impl Opened {
    /// The next modification sequence of this folder.
    pub fn raise(&mut self) -> u64 {
        self.row.modseq += 1;
        self.row.modseq
    }
}

impl Tables<'_> {
    pub fn folder_work(&mut self, mailbox: MailboxId, work: &FolderWork) -> Result<Answer, Fault> {
        match work {
            FolderWork::Make(folders) => {
                let mut last = None;
                for (name, special) in folders {
                    last = Some(self.ensure(mailbox, name, *special)?);
                }
                last.map_or(Ok(Answer::None), |id| self.folder_answer(id))
            }
            FolderWork::Create(name, special) => {
                let id = self.create(mailbox, name, *special)?;
                self.folder_answer(id)
            }
            FolderWork::Delete(name) => self.delete(mailbox, name).map(|()| Answer::None),
            FolderWork::Rename(from, to) => self.rename(mailbox, from, to).map(|()| Answer::None),
            FolderWork::Subscribe(name, on) => self.subscribe(mailbox, name, *on).map(|()| Answer::None),
        }
    }

    fn folder_answer(&mut self, id: FolderId) -> Result<Answer, Fault> {
        let opened = self.opened(id)?;
        Ok(Answer::Folder(Folder::of(opened.place.name.clone(), &opened.row)))
    }

    /// The folder of this name, ready to be changed.
    pub fn find(&mut self, mailbox: MailboxId, name: &FolderName) -> Result<Option<FolderId>, Fault> {
        let row = rows::get::<(u32, &str), rows::Folder>(&*self.folders, (mailbox.0, name.as_str()))?;
        Ok(row.map(|row| self.hold(Place { mailbox, name: name.clone() }, row)))
    }

    /// A row that was read, ready to be changed.
    pub fn take_in(&mut self, mailbox: MailboxId, name: &str, row: rows::Folder) -> Result<FolderId, Fault> {
        let name = FolderName::parse(name).ok_or_else(|| Fault::Damaged("mail.redb: a folder's name".into()))?;
        Ok(self.hold(Place { mailbox, name }, row))
    }

    fn hold(&mut self, place: Place, row: rows::Folder) -> FolderId {
        // One that is held already is newer than its row.
        self.open.entry(row.id).or_insert(Opened { place, row });
        FolderId(row.id)
    }

    /// The folder of this number; Missing when it is gone.
    pub fn opened(&mut self, id: FolderId) -> Result<&mut Opened, Fault> {
        if !self.open.contains_key(&id.0) {
            let place: Place = rows::get(&*self.places, id.0)?.ok_or(Fault::Missing)?;
            self.find(place.mailbox, &place.name)?;
        }
        self.open.get_mut(&id.0).ok_or_else(|| Fault::Damaged(format!("mail.redb: folder {} has no row", id.0)))
    }

    /// Writes the rows of all folders that were held.
    pub fn close_folders(&mut self) -> Result<(), Fault> {
        for Opened { place, row } in std::mem::take(&mut self.open).into_values() {
            let key = (place.mailbox.0, place.name.as_str());
            // One that was only looked at costs no write.
            if rows::get::<(u32, &str), rows::Folder>(&*self.folders, key)? != Some(row) {
                rows::put(&mut self.folders, key, &row)?;
            }
        }
        Ok(())
    }

    /// The folder of this name; it and the levels above are made, and subscribed to, when they are not there.
    pub fn ensure(&mut self, mailbox: MailboxId, name: &FolderName, special: Special) -> Result<FolderId, Fault> {
        if let Some(id) = self.find(mailbox, name)? {
            return Ok(id);
        }
        for above in name.above() {
            if self.find(mailbox, &above)?.is_none() {
                self.make_known(mailbox, &above, above.special())?;
            }
        }
        self.make_known(mailbox, name, special)
    }

    /// Mail is not refused because there is no place for one more subscription.
    fn make_known(&mut self, mailbox: MailboxId, name: &FolderName, special: Special) -> Result<FolderId, Fault> {
        match self.subscribe(mailbox, name, true) {
            Ok(()) | Err(Fault::Limit(_)) => self.make(mailbox, name, special),
            Err(fault) => Err(fault),
        }
    }

    fn create(&mut self, mailbox: MailboxId, name: &FolderName, special: Special) -> Result<FolderId, Fault> {
        if self.find(mailbox, name)?.is_some() || *name == FolderName::inbox() {
            return Err(Fault::Exists);
        }
        self.may_make(mailbox)?;
        self.make_above(mailbox, name)?;
        self.make(mailbox, name, special)
    }

    fn may_make(&self, mailbox: MailboxId) -> Result<(), Fault> {
        let many = count(&*self.folders, mailbox)? >= limits::IMAP_FOLDERS;
        if many { Err(Fault::Limit("a mailbox has at most 5,000 folders")) } else { Ok(()) }
    }

    /// RFC 3501 s6.3.3: the levels above a new folder are made too.
    fn make_above(&mut self, mailbox: MailboxId, name: &FolderName) -> Result<(), Fault> {
        for above in name.above() {
            if self.find(mailbox, &above)?.is_none() {
                self.make(mailbox, &above, above.special())?;
            }
        }
        Ok(())
    }

    /// A use is given once: whoever made a folder of it away by another name keeps it there, and a new one has none.
    fn make(&mut self, mailbox: MailboxId, name: &FolderName, special: Special) -> Result<FolderId, Fault> {
        let special = if self.has_use(mailbox, special)? { Special::None } else { special };
        // Not below the time either: a store that `salvage` made anew must not repeat what clients remember.
        let validity = self.house.next_validity.max(u32::try_from(self.now.0).unwrap_or(0));
        let (id, next_uid, modseq) = (self.house.next_folder, 1, 1);
        let row =
            rows::Folder { id, validity, next_uid, special, messages: 0, bytes: 0, modseq, unseen: 0, deleted: 0 };
        let spent = || Fault::Failed("no folder number is left".into());
        self.house.next_folder = id.checked_add(1).ok_or_else(spent)?;
        self.house.next_validity = validity.checked_add(1).ok_or_else(spent)?;
        let place = Place { mailbox, name: name.clone() };
        rows::put(&mut self.folders, (mailbox.0, name.as_str()), &row)?;
        rows::put(&mut self.places, id, &place)?;
        Ok(self.hold(place, row))
    }

    /// Whether a folder has this use already. A damaged row has none, as far as anybody can tell.
    fn has_use(&self, mailbox: MailboxId, special: Special) -> Result<bool, Fault> {
        if special == Special::None {
            return Ok(false);
        }
        for name in names_of(&*self.folders, mailbox)? {
            let row = rows::get::<(u32, &str), rows::Folder>(&*self.folders, (mailbox.0, name.as_str()));
            if row.is_ok_and(|row| row.is_some_and(|row| row.special == special)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The folder and its messages go; what lies below it stays (RFC 3501 s6.3.4).
    fn delete(&mut self, mailbox: MailboxId, name: &FolderName) -> Result<(), Fault> {
        if *name == FolderName::inbox() {
            return Err(Fault::Exists);
        }
        let id = self.find(mailbox, name)?.ok_or(Fault::Missing)?;
        let uids = self.uids(id, usize::MAX)?;
        self.drop_messages(id, &uids, Links::Cut)?;
        self.forget_folder(id)
    }

    /// Removes the rows of a folder that holds no message any more.
    pub fn forget_folder(&mut self, id: FolderId) -> Result<(), Fault> {
        let Opened { place, .. } = self.open.remove(&id.0).ok_or(Fault::Missing)?;
        self.folders.remove((place.mailbox.0, place.name.as_str()))?;
        self.places.remove(id.0)?;
        self.keywords.remove(id.0)?;
        self.told.retain(|(folder, _)| *folder != id);
        self.told.push((id, watch::Change::FolderGone));
        Ok(())
    }

    /// With all below it; numbers, UIDs and UIDVALIDITY stay. Subscriptions follow. INBOX stays and gives its messages (RFC 3501 s6.3.5).
    fn rename(&mut self, mailbox: MailboxId, from: &FolderName, to: &FolderName) -> Result<(), Fault> {
        if *to == FolderName::inbox() || self.find(mailbox, to)?.is_some() {
            return Err(Fault::Exists);
        }
        if *from == FolderName::inbox() {
            return self.rename_inbox(mailbox, to);
        }
        let moves = self.moves(mailbox, from, to)?;
        if moves.is_empty() {
            return Err(Fault::Missing);
        }
        let mut rows = Vec::new();
        for (old, new) in moves {
            let id = self.find(mailbox, &old)?.ok_or(Fault::Missing)?;
            self.folders.remove((mailbox.0, old.as_str()))?;
            rows.push((id, old, new));
        }
        for (id, old, new) in rows {
            let opened = self.opened(id)?;
            opened.place.name = new.clone();
            let (row, place) = (opened.row, opened.place.clone());
            rows::put(&mut self.folders, (mailbox.0, new.as_str()), &row)?;
            rows::put(&mut self.places, id.0, &place)?;
            if self.subscriptions.remove((mailbox.0, old.as_str()))?.is_some() {
                rows::put(&mut self.subscriptions, (mailbox.0, new.as_str()), &Subscribed)?;
            }
        }
        self.make_above(mailbox, to)
    }

    /// The folder and all below it with their new names; refused before anything is written when one of these is taken or too long.
    fn moves(
        &self,
        mailbox: MailboxId,
        from: &FolderName,
        to: &FolderName,
    ) -> Result<Vec<(FolderName, FolderName)>, Fault> {
        let mut old = Vec::new();
        if self.folders.get((mailbox.0, from.as_str()))?.is_some() {
            old.push(from.clone());
        }
        let below = format!("{}/", from.as_str());
        for entry in self.folders.range((mailbox.0, below.as_str())..)? {
            let entry = entry?.0;
            let (this, name) = entry.value();
            if this != mailbox.0 || !name.starts_with(&below) {
                break;
            }
            old.extend(FolderName::parse(name));
        }
        let mut moves = Vec::new();
        for name in &old {
            let new =
                name.moved(from, to).ok_or(Fault::Limit("a folder below it would have a name of over 255 octets"))?;
            if self.folders.get((mailbox.0, new.as_str()))?.is_some() && !old.contains(&new) {
                return Err(Fault::Exists);
            }
            moves.push((name.clone(), new));
        }
        Ok(moves)
    }

    fn rename_inbox(&mut self, mailbox: MailboxId, to: &FolderName) -> Result<(), Fault> {
        self.may_make(mailbox)?;
        let inbox = self.ensure(mailbox, &FolderName::inbox(), Special::Inbox)?;
        self.make_above(mailbox, to)?;
        let target = self.make(mailbox, to, Special::None)?;
        let uids = self.uids(inbox, usize::MAX)?;
        self.copy_messages(inbox, target, &uids, true).map(|_| ())
    }

    /// A name need not exist (RFC 3501 s6.3.6, s6.3.9).
    fn subscribe(&mut self, mailbox: MailboxId, name: &FolderName, on: bool) -> Result<(), Fault> {
        let key = (mailbox.0, name.as_str());
        if !on {
            self.subscriptions.remove(key)?;
        } else if self.subscriptions.get(key)?.is_none() {
            if count(&*self.subscriptions, mailbox)? >= limits::IMAP_FOLDERS {
                return Err(Fault::Limit("a mailbox has at most 5,000 subscriptions"));
            }
            rows::put(&mut self.subscriptions, key, &Subscribed)?;
        }
        Ok(())
    }

    /// Of a mailbox that is purged.
    pub fn unsubscribe_all(&mut self, mailbox: MailboxId) -> Result<(), Fault> {
        for name in names_of(&*self.subscriptions, mailbox)? {
            self.subscriptions.remove((mailbox.0, name.as_str()))?;
        }
        Ok(())
    }
}

/// The names under which a mailbox has rows in a table.
pub(super) fn names_of(
    table: &impl ReadableTable<(u32, &'static str), &'static [u8]>,
    mailbox: MailboxId,
) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for entry in table.range((mailbox.0, "")..)? {
        let key = entry?.0;
        let (this, name) = key.value();
        if this != mailbox.0 {
            break;
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn count(table: &impl ReadableTable<(u32, &'static str), &'static [u8]>, mailbox: MailboxId) -> Result<usize, Fault> {
    names_of(table, mailbox).map(|names| names.len())
}
