//! What a group of jobs does to the rows, inside ONE transaction. Runs after the bodies are on the disk, never before.

use std::collections::BTreeMap;

use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    Delivery, QueueRow, Usage,
    backend::begin,
    draft::Content,
    fault::Fault,
    mail::{IDS, Mail},
    rows::{self, Body, Folder, House, Message, Queued, Volume},
    volume::VOLUME_HEADER,
};
use crate::types::{BodyId, Flags, FolderName, MailboxId, Special, Uid, UnixTime};

/// Messages that one step of a purge removes, so that commits of others go in between.
const PURGE_STEP: usize = 2000;

/// A body whose record is written and synced, and who gets it.
pub(super) struct Placed {
    pub id: BodyId,
    pub body: Body,
    pub deliveries: Vec<Delivery>,
    pub queue: Vec<QueueRow>,
    /// The date of its message rows.
    pub date: UnixTime,
    /// Gives the borrowed volume back when the group has ended.
    pub _content: Content,
}

/// A record that was copied forward.
pub(super) struct Moved {
    pub id: BodyId,
    pub from: (u32, u64),
    pub to: (u32, u64),
}

/// What a job does to the rows.
pub(super) enum Change {
    Commit(Vec<Placed>),
    Folders(MailboxId, Vec<(FolderName, Special)>),
    Remove(MailboxId, FolderName, Vec<Uid>),
    Purge(MailboxId),
    /// Sets body numbers aside.
    Ids,
    Moved(Vec<Moved>),
    /// The rows of a volume that holds no live body.
    Forget(u32),
}

/// What became of a job: how many messages were removed; whether more of it is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub count: usize,
    pub more: bool,
}

/// What a committed group changed, for the memory that mirrors rows.
pub(super) struct Applied {
    pub done: Vec<Done>,
    pub volumes: BTreeMap<u32, Volume>,
    pub ids_until: u64,
    pub newest: UnixTime,
}

/// A change that cannot be done while the others can: its place in the list and why.
pub(super) struct Aside(pub usize, pub Fault);

/// Does all changes in one durable transaction. `Ok(Err(Aside))`: nothing was done, because of that one.
pub(super) fn apply(
    mail: &Mail,
    changes: &[&Change],
    now: UnixTime,
    next_body: u64,
) -> Result<Result<Applied, Aside>, Fault> {
    let write = begin(&mail.db)?;
    let mut done = Vec::with_capacity(changes.len());
    let applied = {
        let mut tables = Tables::open(&write, now)?;
        for (n, change) in changes.iter().enumerate() {
            match tables.change(change) {
                Ok(this) => done.push(this),
                Err(fault @ (Fault::Damaged(_) | Fault::Missing)) => return Ok(Err(Aside(n, fault))),
                Err(fault) => return Err(fault),
            }
        }
        tables.finish(mail, next_body, done)?
    };
    write.commit()?;
    Ok(Ok(applied))
}

struct Tables<'t> {
    house: House,
    now: UnixTime,
    houses: Table<'t, u8, &'static [u8]>,
    folders: Table<'t, (u32, &'static str), &'static [u8]>,
    messages: Table<'t, (u32, u32), &'static [u8]>,
    bodies: Table<'t, u64, &'static [u8]>,
    queue: Table<'t, u64, &'static [u8]>,
    volumes: Table<'t, u32, &'static [u8]>,
    usage: Table<'t, u32, &'static [u8]>,
    touched: BTreeMap<u32, Volume>,
}

impl<'t> Tables<'t> {
    fn open(write: &'t WriteTransaction, now: UnixTime) -> Result<Self, Fault> {
        let houses = write.open_table(rows::HOUSE)?;
        let house =
            rows::get(&houses, 0)?.ok_or_else(|| Fault::Failed("mail.redb: its first row is missing".into()))?;
        Ok(Tables {
            house,
            now,
            houses,
            folders: write.open_table(rows::FOLDERS)?,
            messages: write.open_table(rows::MESSAGES)?,
            bodies: write.open_table(rows::BODIES)?,
            queue: write.open_table(rows::QUEUE)?,
            volumes: write.open_table(rows::VOLUMES)?,
            usage: write.open_table(rows::USAGE)?,
            touched: BTreeMap::new(),
        })
    }

    fn change(&mut self, change: &Change) -> Result<Done, Fault> {
        match change {
            Change::Commit(placed) => placed.iter().try_for_each(|one| self.keep(one)).map(|()| Done::default()),
            Change::Folders(mailbox, folders) => {
                for (name, special) in folders {
                    self.folder(*mailbox, name, *special)?;
                }
                Ok(Done::default())
            }
            Change::Remove(mailbox, folder, uids) => self.remove(*mailbox, folder.as_str(), uids),
            Change::Purge(mailbox) => self.purge(*mailbox),
            Change::Ids => Ok(Done::default()),
            Change::Moved(moved) => moved.iter().try_for_each(|one| self.move_body(one)).map(|()| Done::default()),
            Change::Forget(number) => self.forget(*number),
        }
    }

    fn finish(mut self, mail: &Mail, next_body: u64, done: Vec<Done>) -> Result<Applied, Fault> {
        for (number, row) in &self.touched {
            rows::put(&mut self.volumes, *number, row)?;
        }
        if next_body + IDS / 2 > self.house.next_body {
            self.house.next_body = next_body + IDS;
        }
        self.house.newest = self.house.newest.max(self.now);
        self.house.next_volume = self.house.next_volume.max(mail.pool.next());
        rows::put(&mut self.houses, 0, &self.house)?;
        let (ids_until, newest) = (self.house.next_body, self.house.newest);
        Ok(Applied { done, volumes: self.touched, ids_until, newest })
    }

    fn volume(&mut self, number: u32) -> Result<&mut Volume, Fault> {
        if !self.touched.contains_key(&number) {
            let new = Volume { committed: VOLUME_HEADER, live: 0, bodies: 0 };
            let row = rows::get(&self.volumes, number)?.unwrap_or(new);
            self.touched.insert(number, row);
        }
        self.touched.get_mut(&number).ok_or(Fault::Missing)
    }

    fn folder(&mut self, mailbox: MailboxId, name: &FolderName, special: Special) -> Result<Folder, Fault> {
        let key = (mailbox.0, name.as_str());
        if let Some(folder) = rows::get(&self.folders, key)? {
            return Ok(folder);
        }
        // Not below the time either: a store that `salvage` made anew must not repeat what clients remember.
        let validity = self.house.next_validity.max(u32::try_from(self.now.0).unwrap_or(0));
        let folder =
            Folder { id: self.house.next_folder, validity, next_uid: 1, special, messages: 0, bytes: 0, modseq: 1 };
        let spent = || Fault::Failed("no folder number is left".into());
        self.house.next_folder = folder.id.checked_add(1).ok_or_else(spent)?;
        self.house.next_validity = validity.checked_add(1).ok_or_else(spent)?;
        rows::put(&mut self.folders, key, &folder)?;
        Ok(folder)
    }

    fn keep(&mut self, placed: &Placed) -> Result<(), Fault> {
        let mut links = 0u32;
        for delivery in &placed.deliveries {
            self.deliver(placed, delivery)?;
            links += 1;
        }
        for row in &placed.queue {
            let queued = Queued { body: placed.id, next_try: row.next_try, from: row.from.clone(), to: row.to.clone() };
            rows::put(&mut self.queue, self.house.next_queue, &queued)?;
            self.house.next_queue += 1;
            links += 1;
        }
        let body = Body { links, ..placed.body };
        let volume = self.volume(body.volume)?;
        volume.committed = volume.committed.max(body.offset + body.record);
        if links > 0 {
            volume.live += body.record;
            volume.bodies += 1;
            rows::put(&mut self.bodies, placed.id.0, &body)?;
        }
        Ok(())
    }

    fn deliver(&mut self, placed: &Placed, delivery: &Delivery) -> Result<(), Fault> {
        let (body, size, date) = (placed.id, placed.body.len, placed.date);
        let (mailbox, name) = (delivery.mailbox, &delivery.folder);
        let mut folder = self.folder(mailbox, name, name.special())?;
        let uid = folder.next_uid;
        folder.next_uid = uid.checked_add(1).ok_or_else(|| Fault::Damaged("a folder has no UID left".into()))?;
        folder.modseq += 1;
        folder.messages += 1;
        folder.bytes += size;
        let message = Message { flags: delivery.flags, date, size, body, modseq: folder.modseq };
        rows::put(&mut self.messages, (folder.id, uid), &message)?;
        rows::put(&mut self.folders, (mailbox.0, name.as_str()), &folder)?;
        let mut usage: Usage = rows::get(&self.usage, mailbox.0)?.unwrap_or_default();
        usage.bytes += size;
        usage.messages += 1;
        rows::put(&mut self.usage, mailbox.0, &usage)
    }

    fn remove(&mut self, mailbox: MailboxId, name: &str, uids: &[Uid]) -> Result<Done, Fault> {
        let Some(folder) = rows::get::<(u32, &str), Folder>(&self.folders, (mailbox.0, name))? else {
            return Ok(Done::default());
        };
        let uids: Vec<u32> = uids.iter().map(|uid| uid.0).collect();
        let count = self.drop_messages(mailbox, name, folder, &uids)?;
        Ok(Done { count, more: false })
    }

    fn drop_messages(
        &mut self,
        mailbox: MailboxId,
        name: &str,
        mut folder: Folder,
        uids: &[u32],
    ) -> Result<usize, Fault> {
        let mut usage: Usage = rows::get(&self.usage, mailbox.0)?.unwrap_or_default();
        let mut count = 0;
        for uid in uids {
            let Some(bytes) = self.messages.remove((folder.id, *uid))?.map(|guard| guard.value().to_vec()) else {
                continue;
            };
            count += 1;
            folder.messages = folder.messages.saturating_sub(1);
            usage.messages = usage.messages.saturating_sub(1);
            // A damaged row can be deleted too; its body stays until `salvage`.
            if let Ok(message) = rows::unseal::<Message>(&message_key(folder.id, *uid), &bytes) {
                folder.bytes = folder.bytes.saturating_sub(message.size);
                usage.bytes = usage.bytes.saturating_sub(message.size);
                self.unlink(message.body)?;
            }
        }
        folder.modseq += 1;
        rows::put(&mut self.folders, (mailbox.0, name), &folder)?;
        rows::put(&mut self.usage, mailbox.0, &usage)?;
        Ok(count)
    }

    fn unlink(&mut self, id: BodyId) -> Result<(), Fault> {
        let Ok(Some(mut body)) = rows::get::<u64, Body>(&self.bodies, id.0) else { return Ok(()) };
        body.links = body.links.saturating_sub(1);
        if body.links > 0 {
            return rows::put(&mut self.bodies, id.0, &body);
        }
        self.bodies.remove(id.0)?;
        self.bury(&body)
    }

    /// A record is dead. A volume whose row is damaged or lost is not counted any more (and no row is made
    /// for it: its committed length is not known); its messages can be removed all the same.
    fn bury(&mut self, body: &Body) -> Result<(), Fault> {
        let known = self.touched.contains_key(&body.volume)
            || match rows::get::<u32, Volume>(&self.volumes, body.volume) {
                Ok(row) => row.is_some(),
                Err(Fault::Damaged(_)) => false,
                Err(fault) => return Err(fault),
            };
        if known {
            let volume = self.volume(body.volume)?;
            volume.live = volume.live.saturating_sub(body.record);
            volume.bodies = volume.bodies.saturating_sub(1);
        }
        Ok(())
    }

    fn purge(&mut self, mailbox: MailboxId) -> Result<Done, Fault> {
        let mut count = 0;
        for (name, folder) in folders_of(&self.folders, mailbox)? {
            let mut uids = Vec::new();
            for entry in self.messages.range((folder.id, 0)..=(folder.id, u32::MAX))?.take(PURGE_STEP - count) {
                uids.push(entry?.0.value().1);
            }
            count += self.drop_messages(mailbox, &name, folder, &uids)?;
            if count >= PURGE_STEP {
                return Ok(Done { count, more: true });
            }
            self.folders.remove((mailbox.0, name.as_str()))?;
        }
        self.usage.remove(mailbox.0)?;
        Ok(Done { count, more: false })
    }

    /// Only a body that is still where it was copied from moves; one that was deleted meanwhile leaves a dead copy.
    fn move_body(&mut self, moved: &Moved) -> Result<(), Fault> {
        let found = rows::get::<u64, Body>(&self.bodies, moved.id.0)?;
        let Some(body) = found.filter(|body| (body.volume, body.offset) == moved.from) else { return Ok(()) };
        rows::put(&mut self.bodies, moved.id.0, &Body { volume: moved.to.0, offset: moved.to.1, ..body })?;
        self.bury(&body)?;
        let new = self.volume(moved.to.0)?;
        new.live += body.record;
        new.bodies += 1;
        new.committed = new.committed.max(moved.to.1 + body.record);
        Ok(())
    }

    fn forget(&mut self, number: u32) -> Result<Done, Fault> {
        if let Ok(Some(row)) = rows::get::<u32, Volume>(&self.volumes, number)
            && (row.live > 0 || row.bodies > 0)
        {
            return Err(Fault::Missing);
        }
        self.volumes.remove(number)?;
        self.touched.remove(&number);
        Ok(Done::default())
    }
}

fn message_key(folder: u32, uid: u32) -> Vec<u8> {
    <(u32, u32) as rows::KeyForm>::octets(&(folder, uid))
}

/// A mailbox' folders, by name.
pub(super) fn folders_of(
    table: &impl ReadableTable<(u32, &'static str), &'static [u8]>,
    mailbox: MailboxId,
) -> Result<Vec<(String, Folder)>, Fault> {
    let mut found = Vec::new();
    for entry in table.range((mailbox.0, "")..)? {
        let (key, value) = entry?;
        let (this, name) = key.value();
        if this != mailbox.0 {
            break;
        }
        let octets = <(u32, &'static str) as rows::KeyForm>::octets(&(this, name));
        found.push((name.to_owned(), rows::unseal(&octets, value.value())?));
    }
    Ok(found)
}

impl Delivery {
    /// A copy for INBOX without flags.
    pub fn to_inbox(mailbox: MailboxId) -> Delivery {
        Delivery { mailbox, folder: FolderName::inbox(), flags: Flags(0) }
    }
}
