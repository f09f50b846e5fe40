//! What a `mail.redb` that is about to be replaced still knows: where each message is now, its flags, what waits. `salvage` believes every row
//! whose sum is right and asks nothing of the others.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::{
    Delivery, Disk, DiskFile,
    backend::{Gate, database},
    fault::Fault,
    folders::FolderWork,
    queue::Queued,
    rows::{self, House, KeyForm, Message, Place, RowForm, Words},
    shadow::Shadow,
    views::Views,
};
use crate::types::{BodyId, Flags, FolderName, Keywords, MailboxId, Special, UnixTime, map_of};

/// Page cache, octets.
const CACHE: usize = 2 * 1024 * 1024;

/// A copy of a message: 40 octets.
struct Copy {
    body: u64,
    folder: u32,
    flags: Flags,
    keywords: Keywords,
    date: UnixTime,
}

/// Everything that could be read; empty when nothing could.
#[derive(Default)]
pub(super) struct Ledger {
    folders: BTreeMap<u32, (Place, Special)>,
    words: BTreeMap<u32, Words>,
    /// By body.
    copies: Vec<Copy>,
    /// By body.
    queue: Vec<Queued>,
    /// Every row of the queue could be read: one that is not there was delivered or deleted.
    pub knows_queue: bool,
}

impl Ledger {
    /// Reads the database over a shadow; the file is not changed.
    pub fn read(disk: &dyn Disk, mail: &Path, views: &Views) -> Ledger {
        let mut ledger = Ledger::default();
        // What was read before a damaged page is met counts.
        let read = catch_unwind(AssertUnwindSafe(|| {
            let shadow: Arc<dyn DiskFile> = Arc::new(Shadow::over(disk.open(&mail.join("mail.redb"), false)?)?);
            let db = database(shadow, Gate::default(), CACHE)?;
            // Where the rows are damaged it may be refused; what the volumes have of it is found there.
            let _ = catch_unwind(AssertUnwindSafe(|| views.redo_rows(&db)));
            let read =
                [ledger.read_folders(&db), ledger.read_words(&db), ledger.read_copies(&db), ledger.read_queue(&db)];
            // It may panic once more when it is closed.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
            read.into_iter().collect::<Result<(), Fault>>()
        }));
        drop(read);
        ledger.copies.sort_by_cached_key(|copy| copy.body);
        ledger.queue.sort_by_cached_key(|row| row.body.0);
        ledger
    }

    fn read_folders(&mut self, db: &Database) -> Result<(), Fault> {
        for entry in db.begin_read()?.open_table(rows::FOLDERS)?.range((0, "")..)? {
            let (key, value) = entry?;
            let (mailbox, name) = key.value();
            let octets = <(u32, &'static str)>::octets(&(mailbox, name));
            let row = rows::unseal::<rows::Folder>(&octets, value.value());
            if let (Ok(row), Some(name)) = (row, FolderName::parse(name)) {
                self.folders.insert(row.id, (Place { mailbox: MailboxId(mailbox), name }, row.special));
            }
        }
        // A folder whose own row is damaged is found by its number.
        for (id, place) in whole::<Place>(db, rows::PLACES)? {
            let special = place.name.special();
            self.folders.entry(id).or_insert((place, special));
        }
        Ok(())
    }

    fn read_words(&mut self, db: &Database) -> Result<(), Fault> {
        self.words = map_of(whole(db, rows::KEYWORDS)?);
        Ok(())
    }

    fn read_copies(&mut self, db: &Database) -> Result<(), Fault> {
        for entry in db.begin_read()?.open_table(rows::MESSAGES)?.range((0, 0)..)? {
            let (key, value) = entry?;
            let key = key.value();
            let Ok(message) = rows::unseal::<Message>(&<(u32, u32)>::octets(&key), value.value()) else { continue };
            let Message { flags, keywords, date, body, .. } = message;
            if self.folders.contains_key(&key.0) {
                self.copies.push(Copy { body: body.0, folder: key.0, flags, keywords, date });
            }
        }
        Ok(())
    }

    fn read_queue(&mut self, db: &Database) -> Result<(), Fault> {
        let read = db.begin_read()?;
        let house: House = rows::get(&read.open_table(rows::HOUSE)?, 0)?.ok_or(Fault::Missing)?;
        let mut damaged = false;
        for entry in read.open_table(rows::QUEUE)?.range(0..)? {
            let (key, value) = entry?;
            match rows::unseal::<Queued>(&u64::octets(&key.value()), value.value()) {
                Ok(row) => self.queue.push(row.shifted(house.shift)),
                Err(_) => damaged = true,
            }
        }
        self.knows_queue = !damaged;
        Ok(())
    }

    /// What waits of a body.
    pub fn queued(&self, body: BodyId) -> &[Queued] {
        let first = self.queue.partition_point(|row| row.body < body);
        let end = self.queue.partition_point(|row| row.body <= body);
        &self.queue[first..end]
    }

    /// Where a body was when the store was last open; none: no row that can be read names it.
    pub fn deliveries(&self, body: BodyId) -> Vec<Delivery> {
        let first = self.copies.partition_point(|copy| copy.body < body.0);
        let copies = self.copies[first..].iter().take_while(|copy| copy.body == body.0);
        copies.filter_map(|copy| self.delivery(copy)).collect()
    }

    fn delivery(&self, copy: &Copy) -> Option<Delivery> {
        let (Place { mailbox, name }, _) = self.folders.get(&copy.folder)?;
        let words = self.words.get(&copy.folder);
        let keywords = copy.keywords.iter().filter_map(|n| words?.0.get(n).cloned()).collect();
        Some(Delivery { flags: copy.flags, keywords, date: Some(copy.date), ..Delivery::plain(*mailbox, name.clone()) })
    }

    /// The folders of each mailbox, also the empty ones.
    pub fn folders(&self) -> BTreeMap<MailboxId, FolderWork> {
        let mut all: BTreeMap<MailboxId, Vec<(FolderName, Special)>> = BTreeMap::new();
        for (place, special) in self.folders.values() {
            all.entry(place.mailbox).or_default().push((place.name.clone(), *special));
        }
        // The levels above come first, so that each is made with its own special use.
        all.values_mut().for_each(|folders| folders.sort());
        map_of(all.into_iter().map(|(mailbox, folders)| (mailbox, FolderWork::Make(folders))))
    }
}

/// The rows of a table by folder; those that are whole. A table that is not there (format 1) has none.
fn whole<R: RowForm>(db: &Database, table: TableDefinition<'_, u32, &'static [u8]>) -> Result<Vec<(u32, R)>, Fault> {
    let Ok(table): Result<ReadOnlyTable<u32, &'static [u8]>, _> = db.begin_read()?.open_table(table) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in table.range(0..)? {
        let (key, value) = entry?;
        if let Ok(row) = rows::unseal(&u32::octets(&key.value()), value.value()) {
            found.push((key.value(), row));
        }
    }
    Ok(found)
}
