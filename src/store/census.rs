//! Counts all rows of `mail.redb` and compares them with each other, in turns of one short read transaction each.

use std::collections::BTreeMap;

use redb::{Database, ReadableDatabase, ReadableTableMetadata};

use super::{
    Report, Usage,
    apply::folders_of,
    disk::DiskFile,
    fault::Fault,
    queue::{DUE, Due, Queued, ROUTES, Routed},
    reader::Record,
    record::{HEADER, Header, blocks_end, take_trailer},
    rows::{self, Body, Folder, KeyForm, Message, Place, Subscribed, Volume, Words},
    volume::{VOLUME_HEADER, take_volume_header},
};
use crate::types::{BodyId, MailboxId};

/// Rows of one turn, about; a mailbox is counted in one transaction whatever it holds.
const TURN_ROWS: usize = 20_000;
/// Bodies of one turn whose records are read.
const TURN_BODIES: usize = 64;

/// What was counted so far. Sums compare message and queue rows with the links of bodies without remembering each.
#[derive(Default)]
pub(super) struct Census {
    pub messages: u64,
    pub queued: u64,
    free: u64,
    pub bodies: u64,
    mailboxes: u64,
    folders: u64,
    named: u64,
    linked: u64,
    volumes: BTreeMap<u32, (u64, u64, u64)>,
}

type Rows<K> = redb::ReadOnlyTable<K, &'static [u8]>;

/// Spreads a body's number over 64 bits, so that sums of them differ when the numbers do.
fn spread(id: u64) -> u64 {
    let mut x = id.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Census {
    /// Mailboxes from number `from` on: folders, messages, usage. Gives where to go on.
    pub fn mailboxes(&mut self, db: &Database, from: u32, report: &mut Report) -> Result<Option<u32>, Fault> {
        let read = db.begin_read()?;
        let (folders, messages) = (read.open_table(rows::FOLDERS)?, read.open_table(rows::MESSAGES)?);
        let (places, keywords) = (read.open_table(rows::PLACES)?, read.open_table(rows::KEYWORDS)?);
        let (bodies, usage) = (read.open_table(rows::BODIES)?, read.open_table(rows::USAGE)?);
        let (mut next, mut seen) = (from, 0);
        while seen < TURN_ROWS {
            let Some(entry) = folders.range((next, "")..)?.next() else { return Ok(None) };
            let mailbox = entry?.0.value().0;
            let mut sum = Usage::default();
            for (name, folder) in folders_of(&folders, MailboxId(mailbox))? {
                let place = format!("mailbox {mailbox} folder {name}");
                let words = rows::get::<u32, Words>(&keywords, folder.id);
                let led = rows::get::<u32, Place>(&places, folder.id);
                if !matches!(led, Ok(Some(p)) if (p.mailbox.0, p.name.as_str()) == (mailbox, name.as_str())) {
                    report.problem(format!("{place}: its number does not lead to it"));
                }
                self.folders += 1;
                let known = words.map_or(0, |words| words.map_or(0, |words| words.0.len()));
                let counted = self.folder((&messages, &bodies), (&folder, known), &place, report)?;
                sum.messages += counted.messages;
                sum.bytes += counted.bytes;
                seen += usize::try_from(counted.messages).unwrap_or(usize::MAX).saturating_add(1);
            }
            let row = rows::get::<u32, Usage>(&usage, mailbox)?;
            self.mailboxes += u64::from(row.is_some());
            if row.unwrap_or_default() != sum {
                report.problem(format!("mailbox {mailbox}: its counters say {row:?}, its rows {sum:?}"));
            }
            let Some(later) = mailbox.checked_add(1) else { return Ok(None) };
            next = later;
        }
        Ok(Some(next))
    }

    fn folder(
        &mut self,
        (messages, bodies): (&Rows<(u32, u32)>, &Rows<u64>),
        (folder, words): (&Folder, usize),
        place: &str,
        report: &mut Report,
    ) -> Result<Usage, Fault> {
        let mut sum = Usage::default();
        let (mut unseen, mut deleted) = (0, 0);
        for entry in messages.range((folder.id, 0)..=(folder.id, u32::MAX))? {
            let (key, value) = entry?;
            let key = key.value();
            sum.messages += 1;
            let message: Message = match rows::unseal(&<(u32, u32)>::octets(&key), value.value()) {
                Ok(message) => message,
                Err(_) => {
                    report.problem(format!("{place}: the row of UID {} is damaged", key.1));
                    continue;
                }
            };
            sum.bytes += message.size;
            unseen += u64::from(message.is_unseen());
            deleted += u64::from(message.is_deleted());
            if message.keywords.iter().any(|n| n >= words) {
                report.problem(format!("{place}: UID {} has a keyword that is not in the folder's list", key.1));
            }
            self.named = self.named.wrapping_add(spread(message.body.0));
            if key.1 >= folder.next_uid {
                report.problem(format!("{place}: UID {} is not below UIDNEXT {}", key.1, folder.next_uid));
            }
            let body = rows::get::<u64, Body>(bodies, message.body.0);
            if !matches!(body, Ok(Some(body)) if body.len == message.size) {
                report.problem(format!("{place}: UID {} has no body of its size", key.1));
            }
        }
        self.messages += sum.messages;
        if (sum.messages, sum.bytes) != (folder.messages, folder.bytes) {
            report.problem(format!(
                "{place}: {} messages of {} octets are counted, {} of {} are there",
                folder.messages, folder.bytes, sum.messages, sum.bytes
            ));
        } else if (unseen, deleted) != (folder.unseen, folder.deleted) {
            report.problem(format!(
                "{place}: {} unseen and {} deleted are counted, {unseen} and {deleted} are there",
                folder.unseen, folder.deleted
            ));
        }
        Ok(sum)
    }

    /// Queue rows above `after`.
    pub fn queue(&mut self, db: &Database, after: u64, report: &mut Report) -> Result<Option<u64>, Fault> {
        let read = db.begin_read()?;
        let (mut last, mut seen) = (after, 0);
        let bodies = read.open_table(rows::BODIES)?;
        let (due, routes) = (read.open_table(DUE)?, read.open_table(ROUTES)?);
        for entry in read.open_table(rows::QUEUE)?.range(after + 1..)?.take(TURN_ROWS) {
            let (key, value) = entry?;
            (last, seen) = (key.value(), seen + 1);
            self.queued += 1;
            let Ok(row) = rows::unseal::<Queued>(&u64::octets(&last), value.value()) else {
                report.problem(format!("queue row {last} is damaged"));
                continue;
            };
            self.named = self.named.wrapping_add(spread(row.body.0));
            if !matches!(rows::get::<u64, Body>(&bodies, row.body.0), Ok(Some(body)) if body.len == row.size) {
                report.problem(format!("queue row {last} has no body of its size"));
            }
            let Some(keys) = row.keys(last) else { continue };
            self.free += 1;
            let led = matches!(rows::get::<(i64, u64), Due>(&due, keys.due), Ok(Some(due)) if due.0.0 == keys.route.0);
            if !led || !matches!(rows::get::<(u64, i64, u64), Routed>(&routes, keys.route), Ok(Some(_))) {
                report.problem(format!("queue row {last} is not where its next try is looked for"));
            }
        }
        Ok(Some(last).filter(|_| seen == TURN_ROWS))
    }

    /// Body rows above `after`.
    pub fn bodies(&mut self, db: &Database, after: u64, report: &mut Report) -> Result<Option<u64>, Fault> {
        let (mut last, mut seen) = (after, 0);
        for entry in db.begin_read()?.open_table(rows::BODIES)?.range(after + 1..)?.take(TURN_ROWS) {
            let (key, value) = entry?;
            (last, seen) = (key.value(), seen + 1);
            self.bodies += 1;
            let Ok(body) = rows::unseal::<Body>(&u64::octets(&last), value.value()) else {
                report.problem(format!("the row of body {last} is damaged"));
                continue;
            };
            if body.links == 0 {
                report.problem(format!("body {last} has no link"));
            }
            self.linked = self.linked.wrapping_add(spread(last).wrapping_mul(u64::from(body.links)));
            let volume = self.volumes.entry(body.volume).or_default();
            volume.0 += body.record;
            volume.1 += 1;
            volume.2 = volume.2.max(body.offset + body.record);
        }
        Ok(Some(last).filter(|_| seen == TURN_ROWS))
    }

    /// Compares what was counted in different turns. Only right when nothing was committed meanwhile.
    pub fn compare(&self, db: &Database, report: &mut Report) -> Result<(), Fault> {
        let read = db.begin_read()?;
        let count = |what: &str, counted: u64, table: u64, report: &mut Report| {
            if counted != table {
                report.problem(format!("{what}: {counted} rows are reached, {table} are counted"));
            }
        };
        count("messages", self.messages, read.open_table(rows::MESSAGES)?.len()?, report);
        count("queue", self.queued, read.open_table(rows::QUEUE)?.len()?, report);
        count("queue by next try", self.free, read.open_table(DUE)?.len()?, report);
        count("queue by destination", self.free, read.open_table(ROUTES)?.len()?, report);
        count("bodies", self.bodies, read.open_table(rows::BODIES)?.len()?, report);
        count("places", self.folders, read.open_table(rows::PLACES)?.len()?, report);
        count("usage", self.mailboxes, read.open_table(rows::USAGE)?.len()?, report);
        if self.named != self.linked {
            report.problem("links of bodies and the rows that name them do not agree".into());
        }
        names(&read, report)?;
        let volumes = read.open_table(rows::VOLUMES)?;
        for (number, (live, bodies, end)) in &self.volumes {
            let row = rows::get::<u32, Volume>(&volumes, *number);
            if !matches!(row, Ok(Some(row)) if (row.live, row.bodies) == (*live, *bodies) && *end <= row.committed) {
                report.problem(format!("volume {number:06}: its row does not agree with its bodies"));
            }
        }
        for entry in volumes.range(0..)? {
            let (key, value) = entry?;
            let (number, none) = (key.value(), (0, 0, 0));
            let row = rows::unseal::<Volume>(&number.to_le_bytes(), value.value());
            let counted = self.volumes.get(&number).unwrap_or(&none);
            if !row.is_ok_and(|row| (row.live, row.bodies) == (counted.0, counted.1)) {
                report.problem(format!("volume {number:06}: its row is damaged or counts too much"));
            }
        }
        Ok(())
    }
}

/// Rows that nothing else is compared with.
fn names(read: &redb::ReadTransaction, report: &mut Report) -> Result<(), Fault> {
    for entry in read.open_table(rows::KEYWORDS)?.range(0..)? {
        let (key, value) = entry?;
        if rows::unseal::<Words>(&u32::octets(&key.value()), value.value()).is_err() {
            report.problem(format!("the keywords of folder {} are damaged", key.value()));
        }
    }
    for entry in read.open_table(rows::SUBSCRIPTIONS)?.range((0, "")..)? {
        let (key, value) = entry?;
        let (mailbox, name) = key.value();
        let octets = <(u32, &'static str)>::octets(&(mailbox, name));
        if rows::unseal::<Subscribed>(&octets, value.value()).is_err() {
            report.problem(format!("mailbox {mailbox}: its subscription to {name} is damaged"));
        }
    }
    Ok(())
}

/// Reads the records of the next bodies whole. Gives where to go on.
pub(super) fn records(
    db: &Database,
    after: u64,
    file: &dyn Fn(u32) -> Result<std::sync::Arc<dyn DiskFile>, Fault>,
    report: &mut Report,
) -> Result<Option<u64>, Fault> {
    let mut page = Vec::new();
    for entry in db.begin_read()?.open_table(rows::BODIES)?.range(after + 1..)?.take(TURN_BODIES) {
        let (key, value) = entry?;
        page.push((key.value(), rows::unseal::<Body>(&u64::octets(&key.value()), value.value()).ok()));
    }
    let full = page.len() == TURN_BODIES;
    let mut last = after;
    for (id, row) in page {
        last = id;
        // A damaged row was told of by the count of rows.
        let Some(row) = row else { continue };
        let whole = |row: Body| file(row.volume).and_then(|file| examine(&Record { file, id: BodyId(id), row }));
        let Err(why) = whole(row) else {
            report.records += 1;
            report.octets += row.len;
            continue;
        };
        // It may have been moved or removed since its row was read.
        let again = rows::get::<u64, Body>(&db.begin_read()?.open_table(rows::BODIES)?, id);
        let gone = match again {
            Ok(None) => true,
            Ok(Some(new)) => new != row && whole(new).is_ok(),
            Err(_) => false,
        };
        if !gone {
            report.problem(format!("body {id} in volume {:06}: {}", row.volume, why.told()));
        }
    }
    Ok(Some(last).filter(|_| full))
}

/// Header, every block, the whole body's digest, trailer.
fn examine(record: &Record) -> Result<(), Fault> {
    let bad = |what: &str| Fault::Damaged(what.into());
    let mut head = [0; HEADER];
    record.file.read_at(record.row.offset, &mut head)?;
    let header = Header::decode(&head).ok_or_else(|| bad("its header is damaged"))?;
    let row = &record.row;
    if (header.body, header.len, header.record_len(), header.digest) != (record.id, row.len, row.record, row.digest) {
        return Err(bad("its header is of another body"));
    }
    let (mut at, mut digest) = (0, 0);
    while at < row.len {
        let piece = record.octets(at, 256 * 1024)?;
        digest = crc32c::crc32c_append(digest, &piece);
        at += piece.len() as u64;
    }
    if digest != row.digest {
        return Err(bad("its octets have a wrong sum"));
    }
    let mut tail = vec![0; header.trailer as usize];
    record.file.read_at(row.offset + blocks_end(row.len), &mut tail)?;
    take_trailer(record.id, &tail).map(|_| ()).ok_or_else(|| bad("its trailer is damaged"))
}

/// A volume's own header.
pub(super) fn volume_head(number: u32, mark: u64, file: &dyn DiskFile) -> bool {
    let mut head = [0; VOLUME_HEADER as usize];
    file.read_at(0, &mut head).is_ok() && take_volume_header(&head) == Some((number, mark))
}
