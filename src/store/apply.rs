//! What a group of jobs does to the rows, inside ONE transaction, which takes the octets of their bodies with it.

use std::{collections::BTreeMap, sync::Arc};

use redb::{ReadableTable, WriteTransaction};

use super::{
    Delivery, Kept, StoreError, Usage,
    fault::Fault,
    folders::{Folder, FolderWork, Opened},
    mail::{IDS, Mail},
    messages::{Copied, Flagged, Links, MessageWork},
    noted::{Noted, Notes, notes, unread},
    queue::{DUE, QueueWork, Queued, ROUTES},
    rows::{self, Body, House, Message, Volume},
    volume::{Lease, VOLUME_HEADER},
    watch,
};
use crate::types::{BodyId, FolderId, FolderName, MailboxId, RowId, Settled, Uid, UnixTime};

/// Messages that one step of a purge removes, so that commits of others go in between.
const PURGE_STEP: usize = 2000;

/// A body whose record has its place, and who gets it.
pub(super) struct Placed {
    pub id: BodyId,
    pub body: Body,
    pub deliveries: Vec<Delivery>,
    pub queue: Vec<Queued>,
    /// The date of its message rows.
    pub date: UnixTime,
    /// Its record for `index.redb`, if it came with one.
    pub derived: Option<Vec<u8>>,
    /// Octets of its record that are not in the volume yet, and where they belong; all others are synced.
    pub octets: Vec<(u64, Arc<Vec<u8>>)>,
    /// Gives the borrowed volume back when the group has ended.
    pub _lease: Option<Arc<Lease>>,
}

/// A record that was copied forward.
pub(super) struct Moved {
    pub id: BodyId,
    pub from: (u32, u64),
    pub to: (u32, u64),
}

/// What a job does to the rows.
pub(super) enum Change {
    /// Bodies, and what became of queue rows that they are about.
    Commit(Vec<Placed>, Vec<Settled>),
    Queue(QueueWork),
    Folders(MailboxId, FolderWork),
    Messages(FolderId, MessageWork),
    Remove(MailboxId, FolderName, Vec<Uid>),
    Purge(MailboxId),
    /// Sets body numbers aside.
    Ids,
    Moved(Vec<Moved>),
    /// The rows of a volume that holds no live body.
    Forget(u32),
}

/// What a job that is done has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    None,
    Count(usize),
    Kept(Vec<Kept>),
    Rows(Vec<RowId>),
    Folder(Folder),
    Flagged(Flagged),
    Copied(Copied),
    Gone(Vec<Uid>),
}

impl Answer {
    /// Of a job that answers with something else than it was asked for: there is none.
    pub fn unfit(self) -> StoreError {
        StoreError::Unavailable(format!("the store's writer answered {self:?}"))
    }
}

/// What became of a job: its answer, or why it was not done (it changed nothing then); whether more of it is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub answer: Result<Answer, Fault>,
    pub more: bool,
}

/// What a committed group changed, for the memory that mirrors rows.
pub(super) struct Applied {
    pub done: Vec<Done>,
    pub volumes: BTreeMap<u32, Volume>,
    pub ids_until: u64,
    pub newest: UnixTime,
    /// Bodies that lost their last link.
    pub gone: Vec<BodyId>,
    /// What watchers of folders hear.
    pub told: Vec<(FolderId, watch::Change)>,
    /// The queue's runner has something to look at.
    pub rung: bool,
}

impl Applied {
    /// Whether a body lies below the committed length of its volume.
    fn covers(&self, body: &Body) -> bool {
        self.volumes.get(&body.volume).is_some_and(|row| row.committed >= body.offset + body.record)
    }
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
    let (write, notes) = (mail.db.begin_write()?, Notes::default());
    let mut done = Vec::with_capacity(changes.len());
    let applied = {
        let mut tables = Tables::open(&write, &notes, now)?;
        for (n, change) in changes.iter().enumerate() {
            match tables.change(change) {
                Ok(this) => done.push(this),
                // Found before the change's first write: the others go on in the same transaction.
                Err(fault @ (Fault::Missing | Fault::Exists | Fault::OverQuota | Fault::Limit(_))) => {
                    done.push(Done { answer: Err(fault), more: false });
                }
                Err(fault @ Fault::Damaged(_)) => return Ok(Err(Aside(n, fault))),
                Err(fault) => return Err(fault),
            }
        }
        tables.finish(mail, next_body, done)?
    };
    let mut bodies = Vec::new();
    for change in changes {
        // Octets beyond the committed length are in no record (`redo`): they are of a body that was refused.
        if let Change::Commit(placed, _) = change {
            let mut kept = placed.iter().filter(|one| applied.covers(&one.body));
            kept.try_for_each(|one| mail.octets_of(one, &mut bodies))?;
        }
    }
    mail.commit(write, &notes.take(), &bodies)?;
    Ok(Ok(applied))
}

/// The rows of one transaction. Folders and usage that were touched stand in memory until its end, so that a group of
/// deliveries to one folder writes its row once.
pub(super) struct Tables<'t> {
    pub house: House,
    pub now: UnixTime,
    houses: Noted<'t, u8>,
    pub folders: Noted<'t, (u32, &'static str)>,
    pub places: Noted<'t, u32>,
    pub keywords: Noted<'t, u32>,
    pub subscriptions: Noted<'t, (u32, &'static str)>,
    pub messages: Noted<'t, (u32, u32)>,
    pub bodies: Noted<'t, u64>,
    pub queue: Noted<'t, u64>,
    pub due: Noted<'t, (i64, u64)>,
    pub routes: Noted<'t, (u64, i64, u64)>,
    volumes: Noted<'t, u32>,
    usage: Noted<'t, u32>,
    touched: BTreeMap<u32, Volume>,
    pub open: BTreeMap<u32, Opened>,
    used: BTreeMap<u32, Usage>,
    pub told: Vec<(FolderId, watch::Change)>,
    pub rung: bool,
    gone: Vec<BodyId>,
}

impl<'t> Tables<'t> {
    /// Opens them all; what is changed in them is noted.
    pub fn open(write: &'t WriteTransaction, notes: &Notes, now: UnixTime) -> Result<Self, Fault> {
        let houses = Noted::open(write, (0, rows::HOUSE), notes)?;
        let house =
            rows::get(&*houses, 0)?.ok_or_else(|| Fault::Failed("mail.redb: its first row is missing".into()))?;
        Ok(Tables {
            house,
            now,
            houses,
            folders: Noted::open(write, (1, rows::FOLDERS), notes)?,
            places: Noted::open(write, (2, rows::PLACES), notes)?,
            keywords: Noted::open(write, (3, rows::KEYWORDS), notes)?,
            subscriptions: Noted::open(write, (4, rows::SUBSCRIPTIONS), notes)?,
            messages: Noted::open(write, (5, rows::MESSAGES), notes)?,
            bodies: Noted::open(write, (6, rows::BODIES), notes)?,
            queue: Noted::open(write, (7, rows::QUEUE), notes)?,
            due: Noted::open(write, (8, DUE), notes)?,
            routes: Noted::open(write, (9, ROUTES), notes)?,
            volumes: Noted::open(write, (10, rows::VOLUMES), notes)?,
            usage: Noted::open(write, (11, rows::USAGE), notes)?,
            touched: BTreeMap::new(),
            open: BTreeMap::new(),
            used: BTreeMap::new(),
            told: Vec::new(),
            rung: false,
            gone: Vec::new(),
        })
    }

    /// Does again what a commit noted.
    pub fn redo(&mut self, octets: &[u8]) -> Result<(), Fault> {
        for note in notes(octets) {
            let note = note.ok_or_else(unread)?;
            match note.table {
                0 => self.houses.redo(&note)?,
                1 => self.folders.redo(&note)?,
                2 => self.places.redo(&note)?,
                3 => self.keywords.redo(&note)?,
                4 => self.subscriptions.redo(&note)?,
                5 => self.messages.redo(&note)?,
                6 => self.bodies.redo(&note)?,
                7 => self.queue.redo(&note)?,
                8 => self.due.redo(&note)?,
                9 => self.routes.redo(&note)?,
                10 => self.volumes.redo(&note)?,
                11 => self.usage.redo(&note)?,
                _ => return Err(unread()),
            }
        }
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Result<Done, Fault> {
        let answer = match change {
            Change::Commit(placed, settled) => {
                self.fit(placed)?;
                self.all_there(settled)?;
                let mut kept = Vec::new();
                placed.iter().try_for_each(|one| self.keep(one, &mut kept))?;
                self.settle_rows(settled)?;
                Answer::Kept(kept)
            }
            Change::Queue(work) => self.queue_work(work)?,
            Change::Folders(mailbox, work) => self.folder_work(*mailbox, work)?,
            Change::Messages(folder, work) => self.message_work(*folder, work)?,
            Change::Remove(mailbox, name, uids) => Answer::Count(self.remove(*mailbox, name, uids)?),
            Change::Purge(mailbox) => return Ok(Done { answer: Ok(Answer::None), more: self.purge(*mailbox)? }),
            Change::Ids => Answer::None,
            Change::Moved(moved) => {
                moved.iter().try_for_each(|one| self.move_body(one))?;
                Answer::None
            }
            Change::Forget(number) => self.forget(*number)?,
        };
        Ok(Done { answer: Ok(answer), more: false })
    }

    fn finish(mut self, mail: &Mail, next_body: u64, done: Vec<Done>) -> Result<Applied, Fault> {
        self.close_folders()?;
        for (mailbox, row) in &self.used {
            rows::put(&mut self.usage, *mailbox, row)?;
        }
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
        let Tables { touched, told, gone, rung, .. } = self;
        Ok(Applied { done, volumes: touched, ids_until, newest, told, gone, rung })
    }

    /// What a mailbox holds, to be changed.
    pub fn usage(&mut self, mailbox: MailboxId) -> Result<&mut Usage, Fault> {
        if !self.used.contains_key(&mailbox.0) {
            let row = rows::get(&*self.usage, mailbox.0)?.unwrap_or_default();
            self.used.insert(mailbox.0, row);
        }
        self.used.get_mut(&mailbox.0).ok_or(Fault::Missing)
    }

    fn volume(&mut self, number: u32) -> Result<&mut Volume, Fault> {
        if !self.touched.contains_key(&number) {
            let new = Volume { committed: VOLUME_HEADER, live: 0, bodies: 0 };
            let row = rows::get(&*self.volumes, number)?.unwrap_or(new);
            self.touched.insert(number, row);
        }
        self.touched.get_mut(&number).ok_or(Fault::Missing)
    }

    /// Q15: only here it is known what a mailbox holds. What two decided at once from the same count would not both fit.
    fn fit(&mut self, placed: &[Placed]) -> Result<(), Fault> {
        let mut coming: BTreeMap<MailboxId, u64> = BTreeMap::new();
        for (one, delivery) in placed.iter().flat_map(|one| one.deliveries.iter().map(move |to| (one, to))) {
            let Some(limit) = delivery.limit else { continue };
            let sum = coming.entry(delivery.mailbox).or_default();
            *sum += one.body.len;
            self.has_room(delivery.mailbox, *sum, limit)?;
        }
        Ok(())
    }

    /// Whether so many octets more are within a mailbox' limit.
    pub fn has_room(&mut self, mailbox: MailboxId, octets: u64, limit: u64) -> Result<(), Fault> {
        let used = self.usage(mailbox)?.bytes;
        if used.saturating_add(octets) > limit { Err(Fault::OverQuota) } else { Ok(()) }
    }

    fn keep(&mut self, placed: &Placed, kept: &mut Vec<Kept>) -> Result<(), Fault> {
        let mut links = 0u32;
        for delivery in &placed.deliveries {
            kept.push(self.deliver(placed, delivery)?);
            links += 1;
        }
        for row in &placed.queue {
            self.enqueue(row.clone())?;
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

    fn deliver(&mut self, placed: &Placed, delivery: &Delivery) -> Result<Kept, Fault> {
        // What went wrong in the middle of a group of bodies is no refusal: the transaction is begun again without them.
        let amid = |fault| match fault {
            Fault::Missing | Fault::Exists | Fault::OverQuota | Fault::Limit(_) => {
                Fault::Damaged("a folder cannot take mail".into())
            }
            other => other,
        };
        let folder = self.ensure(delivery.mailbox, &delivery.folder, delivery.folder.special()).map_err(amid)?;
        let keywords = self.learn(folder, &delivery.keywords)?;
        let date = delivery.date.unwrap_or(placed.date);
        let modseq = self.opened(folder).map_err(amid)?.raise();
        let message = Message { flags: delivery.flags, date, size: placed.body.len, body: placed.id, modseq, keywords };
        self.add(folder, &message).map_err(amid)
    }

    /// Puts a message behind the others of a folder.
    pub fn add(&mut self, folder: FolderId, message: &Message) -> Result<Kept, Fault> {
        let opened = self.opened(folder)?;
        let (uid, validity, mailbox) = (opened.row.next_uid, opened.row.validity, opened.place.mailbox);
        let spent = || Fault::Damaged("a folder has no UID left".into());
        opened.row.next_uid = uid.checked_add(1).ok_or_else(spent)?;
        opened.row.count_in(message);
        rows::put(&mut self.messages, (folder.0, uid), message)?;
        let usage = self.usage(mailbox)?;
        usage.bytes += message.size;
        usage.messages += 1;
        self.told.push((folder, watch::Change::Added(Uid(uid), message.listed(uid).modseq)));
        Ok(Kept { folder, validity, uid: Uid(uid) })
    }

    /// A body has one more row that names it.
    pub fn link(&mut self, id: BodyId) -> Result<(), Fault> {
        let lost = || Fault::Damaged(format!("mail.redb: body {} has no row", id.0));
        let body = rows::get::<u64, Body>(&*self.bodies, id.0)?.ok_or_else(lost)?;
        let links = body.links.checked_add(1).ok_or_else(lost)?;
        rows::put(&mut self.bodies, id.0, &Body { links, ..body })
    }

    /// A body has one row less that names it.
    pub fn unlink(&mut self, id: BodyId) -> Result<(), Fault> {
        let Ok(Some(mut body)) = rows::get::<u64, Body>(&*self.bodies, id.0) else { return Ok(()) };
        body.links = body.links.saturating_sub(1);
        if body.links > 0 {
            return rows::put(&mut self.bodies, id.0, &body);
        }
        self.bodies.remove(id.0)?;
        self.gone.push(id);
        self.bury(&body)
    }

    /// A record is dead. A volume whose row is damaged or lost is not counted any more (and no row is made
    /// for it: its committed length is not known); its messages can be removed all the same.
    fn bury(&mut self, body: &Body) -> Result<(), Fault> {
        let known = self.touched.contains_key(&body.volume)
            || match rows::get::<u32, Volume>(&*self.volumes, body.volume) {
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

    /// One step; whether there is more to do.
    fn purge(&mut self, mailbox: MailboxId) -> Result<bool, Fault> {
        let mut count = 0;
        for (name, row) in folders_of(&*self.folders, mailbox)? {
            let folder = self.take_in(mailbox, &name, row)?;
            let uids = self.uids(folder, PURGE_STEP - count)?;
            count += uids.len();
            self.drop_messages(folder, &uids, Links::Cut)?;
            if count >= PURGE_STEP {
                return Ok(true);
            }
            self.forget_folder(folder)?;
        }
        self.unsubscribe_all(mailbox)?;
        self.used.remove(&mailbox.0);
        self.usage.remove(mailbox.0)?;
        Ok(false)
    }

    /// Only a body that is still where it was copied from moves; one that was deleted meanwhile leaves a dead copy.
    fn move_body(&mut self, moved: &Moved) -> Result<(), Fault> {
        let found = rows::get::<u64, Body>(&*self.bodies, moved.id.0)?;
        let Some(body) = found.filter(|body| (body.volume, body.offset) == moved.from) else { return Ok(()) };
        rows::put(&mut self.bodies, moved.id.0, &Body { volume: moved.to.0, offset: moved.to.1, ..body })?;
        self.bury(&body)?;
        let new = self.volume(moved.to.0)?;
        new.live += body.record;
        new.bodies += 1;
        new.committed = new.committed.max(moved.to.1 + body.record);
        Ok(())
    }

    fn forget(&mut self, number: u32) -> Result<Answer, Fault> {
        if let Ok(Some(row)) = rows::get::<u32, Volume>(&*self.volumes, number)
            && (row.live > 0 || row.bodies > 0)
        {
            return Err(Fault::Missing);
        }
        self.volumes.remove(number)?;
        self.touched.remove(&number);
        Ok(Answer::None)
    }
}

/// A mailbox' folders, by name.
pub(super) fn folders_of(
    table: &impl ReadableTable<(u32, &'static str), &'static [u8]>,
    mailbox: MailboxId,
) -> Result<Vec<(String, rows::Folder)>, Fault> {
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
