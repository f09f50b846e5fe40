//! The rows of `mail.redb`: at most 128 octets a message. Each carries a CRC32C over its table, key and octets, because redb
//! checks its pages only when it repairs.
//!
//! | table | key | row |
//! |---|---|---|
//! | house | 0 | format, mark, counters that only grow, newest time |
//! | folders | mailbox, name | id, UIDVALIDITY, UIDNEXT, special use, messages, octets, modseq, unseen, deleted |
//! | places | folder id | mailbox, name |
//! | keywords | folder id | its keywords, in the order of their bits; the list only grows |
//! | subscriptions | mailbox, name | - |
//! | messages | folder id, UID | flags, date, octets, body, modseq, keywords (only when there are some) |
//! | bodies | body id | volume, offset, octets, record octets, links, digest |
//! | queue, queue_due, queue_routes | | see `queue` |
//! | volumes | number | committed length, live octets, live bodies |
//! | usage | mailbox | octets, messages |
//!
//! Format 1 had no `places`, `keywords`, `subscriptions`, and its folder rows ended with modseq. Format 2 had no indices of the queue,
//! its queue rows ended with the recipient, and its house with the newest time. Format 3 ended the house with the shift: its log had pages of
//! this file. `migrate` brings them to format 4.

use redb::{ReadableTable, TableDefinition, Value};

use super::{
    codec::{In, Out},
    fault::Fault,
};
use crate::types::{
    BodyId, Flags, FolderName, Keyword, Keywords, MailboxId, MessageRow, ModSeq, Special, Uid, UnixTime,
};

/// Format version of the tables together.
pub(super) const FORMAT: u32 = 4;

pub(super) const HOUSE: TableDefinition<u8, &[u8]> = TableDefinition::new("house");
pub(super) const FOLDERS: TableDefinition<(u32, &str), &[u8]> = TableDefinition::new("folders");
pub(super) const PLACES: TableDefinition<u32, &[u8]> = TableDefinition::new("places");
pub(super) const KEYWORDS: TableDefinition<u32, &[u8]> = TableDefinition::new("keywords");
pub(super) const SUBSCRIPTIONS: TableDefinition<(u32, &str), &[u8]> = TableDefinition::new("subscriptions");
pub(super) const MESSAGES: TableDefinition<(u32, u32), &[u8]> = TableDefinition::new("messages");
pub(super) const BODIES: TableDefinition<u64, &[u8]> = TableDefinition::new("bodies");
pub(super) const QUEUE: TableDefinition<u64, &[u8]> = TableDefinition::new("queue");
pub(super) const VOLUMES: TableDefinition<u32, &[u8]> = TableDefinition::new("volumes");
pub(super) const USAGE: TableDefinition<u32, &[u8]> = TableDefinition::new("usage");

/// A row that can be written and read back.
pub(super) trait RowForm: Sized {
    /// The table's name; part of the sum, so that a row cannot stand in the wrong table.
    const TABLE: &'static str;
    /// The sum over the name, with which that of every row begins.
    const BEGIN: u32 = begin(Self::TABLE.as_bytes());
    fn put(&self, out: &mut Out);
    fn take(from: &mut In<'_>) -> Option<Self>;
}

/// CRC32C, bit by bit: for the compiler.
const fn begin(name: &[u8]) -> u32 {
    let (mut sum, mut at) = (!0, 0);
    while at < name.len() * 8 {
        if at % 8 == 0 {
            sum ^= name[at / 8] as u32;
        }
        sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
        at += 1;
    }
    !sum
}

fn sum<R: RowForm>(key: &[u8], octets: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(R::BEGIN, key), octets)
}

/// A row's octets under its key.
pub(super) fn seal<R: RowForm>(key: &[u8], row: &R) -> Vec<u8> {
    let mut out = Out::default();
    row.put(&mut out);
    let sum = sum::<R>(key, &out.0);
    out.u32(sum);
    out.0
}

/// The row, if its sum is right and nothing is left over.
pub(super) fn unseal<R: RowForm>(key: &[u8], bytes: &[u8]) -> Result<R, Fault> {
    let row = whole::<R>(key, bytes).and_then(|octets| {
        let mut from = In(octets);
        let row = R::take(&mut from)?;
        from.end().map(|()| row)
    });
    row.ok_or_else(|| Fault::Damaged(format!("mail.redb: a row of {}", R::TABLE)))
}

/// A row's octets, if their sum is right.
pub(super) fn whole<'a, R: RowForm>(key: &[u8], bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (octets, ending) = bytes.split_last_chunk::<4>()?;
    (sum::<R>(key, octets) == u32::from_le_bytes(*ending)).then_some(octets)
}

/// Key octets as they go into the sum: those that redb keeps. Of the keys that are walked by thousands they cost no memory.
pub(super) trait KeyForm: redb::Key + 'static {
    type Octets: AsRef<[u8]>;
    fn octets(key: &Self::SelfType<'_>) -> Self::Octets;
    /// The key of these octets, if they are one.
    fn take(octets: &[u8]) -> Option<Self::SelfType<'_>>;
}

fn fixed<K: redb::Key>(octets: &[u8]) -> Option<K::SelfType<'_>> {
    (K::fixed_width()? == octets.len()).then(|| K::from_bytes(octets))
}
macro_rules! key_form {
    ($($key:ty => $octets:ty),*) => { $( impl KeyForm for $key {
        type Octets = $octets;
        fn octets(key: &Self::SelfType<'_>) -> $octets { <$key as Value>::as_bytes(key) }
        fn take(octets: &[u8]) -> Option<Self::SelfType<'_>> { fixed::<$key>(octets) }
    } )* };
}
key_form!(u8 => [u8; 1], u32 => [u8; 4], u64 => [u8; 8], (i64, u64) => Vec<u8>, (u64, i64, u64) => Vec<u8>);
impl KeyForm for (u32, u32) {
    type Octets = [u8; 8];
    fn octets(key: &(u32, u32)) -> [u8; 8] {
        (u64::from(key.1) << u32::BITS | u64::from(key.0)).to_le_bytes()
    }
    fn take(octets: &[u8]) -> Option<(u32, u32)> {
        fixed::<(u32, u32)>(octets)
    }
}
impl KeyForm for (u32, &'static str) {
    type Octets = Vec<u8>;
    fn octets(key: &(u32, &str)) -> Vec<u8> {
        let mut octets = key.0.to_le_bytes().to_vec();
        octets.extend(key.1.as_bytes());
        octets
    }
    fn take(octets: &[u8]) -> Option<(u32, &str)> {
        let (number, name) = octets.split_first_chunk::<4>()?;
        Some((u32::from_le_bytes(*number), std::str::from_utf8(name).ok()?))
    }
}

/// One row by its key.
pub(super) fn get<K: KeyForm, R: RowForm>(
    table: &impl ReadableTable<K, &'static [u8]>,
    key: K::SelfType<'_>,
) -> Result<Option<R>, Fault> {
    let octets = K::octets(&key);
    let Some(guard) = table.get(key)? else { return Ok(None) };
    unseal(octets.as_ref(), guard.value()).map(Some)
}

/// A table of a transaction that writes.
pub(super) trait Writable<K: KeyForm> {
    /// Puts a row's octets under its key.
    fn write(&mut self, key: K::SelfType<'_>, row: &[u8]) -> Result<(), Fault>;
}

impl<K: KeyForm> Writable<K> for redb::Table<'_, K, &'static [u8]> {
    fn write(&mut self, key: K::SelfType<'_>, row: &[u8]) -> Result<(), Fault> {
        self.insert(key, row)?;
        Ok(())
    }
}

/// Writes one row.
pub(super) fn put<K: KeyForm, R: RowForm>(
    table: &mut impl Writable<K>,
    key: K::SelfType<'_>,
    row: &R,
) -> Result<(), Fault> {
    let bytes = seal(K::octets(&key).as_ref(), row);
    table.write(key, &bytes)
}

/// What belongs to the store as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct House {
    pub format: u32,
    pub mark: u64,
    pub next_body: u64,
    pub next_folder: u32,
    pub next_validity: u32,
    pub next_volume: u32,
    pub next_queue: u64,
    pub newest: UnixTime,
    /// Seconds that every time in the queue is later than it is stored.
    pub shift: i64,
    /// Commits of this filling of the log come behind these rows, and no others (`redo`). 0: the rows are of format 3.
    pub filling: u64,
    /// The store was not closed: there may be such commits.
    pub open: bool,
}

impl RowForm for House {
    const TABLE: &'static str = "house";
    fn put(&self, out: &mut Out) {
        out.u32(self.format);
        out.u64(self.mark);
        out.u64(self.next_body);
        out.u32(self.next_folder);
        out.u32(self.next_validity);
        out.u32(self.next_volume);
        out.u64(self.next_queue);
        out.i64(self.newest.0);
        out.i64(self.shift);
        out.u64(self.filling);
        out.u8(u8::from(self.open));
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        let mut house = House {
            format: from.u32()?,
            mark: from.u64()?,
            next_body: from.u64()?,
            next_folder: from.u32()?,
            next_validity: from.u32()?,
            next_volume: from.u32()?,
            next_queue: from.u64()?,
            newest: UnixTime(from.i64()?),
            shift: 0,
            filling: 0,
            open: false,
        };
        // Of format 2, and of format 3.
        if from.end().is_none() {
            house.shift = from.i64()?;
        }
        if from.end().is_none() {
            (house.filling, house.open) = (from.u64()?, from.u8()? != 0);
        }
        Some(house)
    }
}

/// A folder of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    pub id: u32,
    pub validity: u32,
    pub next_uid: u32,
    pub special: Special,
    pub messages: u64,
    pub bytes: u64,
    pub modseq: u64,
    /// Messages without \Seen.
    pub unseen: u64,
    /// Messages with \Deleted.
    pub deleted: u64,
}

impl Folder {
    /// A message more.
    pub fn count_in(&mut self, message: &Message) {
        self.messages += 1;
        self.bytes += message.size;
        self.unseen += u64::from(message.is_unseen());
        self.deleted += u64::from(message.is_deleted());
    }

    /// A message less.
    pub fn count_out(&mut self, message: &Message) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(message.size);
        self.unseen = self.unseen.saturating_sub(u64::from(message.is_unseen()));
        self.deleted = self.deleted.saturating_sub(u64::from(message.is_deleted()));
    }
}

impl RowForm for Folder {
    const TABLE: &'static str = "folders";
    fn put(&self, out: &mut Out) {
        out.u32(self.id);
        out.u32(self.validity);
        out.u32(self.next_uid);
        out.u8(match self.special {
            Special::None => 0,
            Special::Inbox => 1,
            Special::Sent => 2,
            Special::Drafts => 3,
            Special::Junk => 4,
            Special::Trash => 5,
            Special::Archive => 6,
        });
        out.u64(self.messages);
        out.u64(self.bytes);
        out.u64(self.modseq);
        out.u64(self.unseen);
        out.u64(self.deleted);
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        let (id, validity, next_uid) = (from.u32()?, from.u32()?, from.u32()?);
        let special = match from.u8()? {
            0 => Special::None,
            1 => Special::Inbox,
            2 => Special::Sent,
            3 => Special::Drafts,
            4 => Special::Junk,
            5 => Special::Trash,
            6 => Special::Archive,
            _ => return None,
        };
        let (messages, bytes, modseq) = (from.u64()?, from.u64()?, from.u64()?);
        // A row of format 1 ends here; its counts are made when the store is brought to format 2.
        let (unseen, deleted) = if from.end().is_some() { (0, 0) } else { (from.u64()?, from.u64()?) };
        Some(Folder { id, validity, next_uid, special, messages, bytes, modseq, unseen, deleted })
    }
}

/// Where a folder is found by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub mailbox: MailboxId,
    pub name: FolderName,
}

impl RowForm for Place {
    const TABLE: &'static str = "places";
    fn put(&self, out: &mut Out) {
        out.u32(self.mailbox.0);
        out.text(self.name.as_str());
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(Place { mailbox: MailboxId(from.u32()?), name: FolderName::parse(from.text()?)? })
    }
}

/// A folder's keywords, in the order of their bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words(pub Vec<Keyword>);

impl RowForm for Words {
    const TABLE: &'static str = "keywords";
    fn put(&self, out: &mut Out) {
        self.0.iter().for_each(|word| out.text(word.as_str()));
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        let mut words = Vec::new();
        while from.end().is_none() {
            words.push(Keyword::parse(from.text()?)?);
        }
        (words.len() <= Keywords::MOST).then_some(Words(words))
    }
}

/// That a name is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subscribed;

impl RowForm for Subscribed {
    const TABLE: &'static str = "subscriptions";
    fn put(&self, _out: &mut Out) {}
    fn take(_from: &mut In<'_>) -> Option<Self> {
        Some(Subscribed)
    }
}

/// A message in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub flags: Flags,
    pub date: UnixTime,
    pub size: u64,
    pub body: BodyId,
    pub modseq: u64,
    pub keywords: Keywords,
}

impl Message {
    /// As a listing shows it.
    pub fn listed(&self, uid: u32) -> MessageRow {
        let Message { flags, date, size, body, modseq, keywords } = *self;
        MessageRow { uid: Uid(uid), flags, keywords, modseq: ModSeq(modseq), date, size, body }
    }

    /// Whether it counts as unseen.
    pub fn is_unseen(&self) -> bool {
        !self.flags.has(Flags::SEEN)
    }

    /// Whether it counts as deleted.
    pub fn is_deleted(&self) -> bool {
        self.flags.has(Flags::DELETED)
    }
}

impl RowForm for Message {
    const TABLE: &'static str = "messages";
    fn put(&self, out: &mut Out) {
        out.u16(self.flags.0);
        out.i64(self.date.0);
        out.u64(self.size);
        out.u64(self.body.0);
        out.u64(self.modseq);
        if self.keywords != Keywords::default() {
            out.u64(self.keywords.0);
        }
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        let (flags, date, size) = (Flags(from.u16()?), UnixTime(from.i64()?), from.u64()?);
        let (body, modseq) = (BodyId(from.u64()?), from.u64()?);
        let keywords = if from.end().is_some() { Keywords::default() } else { Keywords(from.u64()?) };
        Some(Message { flags, date, size, body, modseq, keywords })
    }
}

/// A kept body: where its record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Body {
    pub volume: u32,
    pub offset: u64,
    pub len: u64,
    pub record: u64,
    pub links: u32,
    pub digest: u32,
}

impl RowForm for Body {
    const TABLE: &'static str = "bodies";
    fn put(&self, out: &mut Out) {
        out.u32(self.volume);
        out.u64(self.offset);
        out.u64(self.len);
        out.u64(self.record);
        out.u32(self.links);
        out.u32(self.digest);
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(Body {
            volume: from.u32()?,
            offset: from.u64()?,
            len: from.u64()?,
            record: from.u64()?,
            links: from.u32()?,
            digest: from.u32()?,
        })
    }
}

/// A volume: what of it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Volume {
    pub committed: u64,
    pub live: u64,
    pub bodies: u64,
}

impl RowForm for Volume {
    const TABLE: &'static str = "volumes";
    fn put(&self, out: &mut Out) {
        out.u64(self.committed);
        out.u64(self.live);
        out.u64(self.bodies);
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(Volume { committed: from.u64()?, live: from.u64()?, bodies: from.u64()? })
    }
}

impl RowForm for super::Usage {
    const TABLE: &'static str = "usage";
    fn put(&self, out: &mut Out) {
        out.u64(self.bytes);
        out.u64(self.messages);
    }
    fn take(from: &mut In<'_>) -> Option<Self> {
        Some(super::Usage { bytes: from.u64()?, messages: from.u64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_bound_to_its_key_and_table() {
        let row = Volume { committed: 1, live: 2, bodies: 3 };
        let bytes = seal(&[1], &row);
        assert_eq!(unseal::<Volume>(&[1], &bytes), Ok(row));
        assert!(unseal::<Volume>(&[2], &bytes).is_err());
        assert!(unseal::<House>(&[1], &bytes).is_err());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal::<Volume>(&[1], &bad).is_err());
        }
    }

    /// The sums of rows that are on disks were made with a name that was summed when it was needed, and keys as redb keeps them.
    #[test]
    fn sums_are_what_they_always_were() {
        let names = [House::TABLE, Folder::TABLE, Message::TABLE, Body::TABLE];
        let begins = [House::BEGIN, Folder::BEGIN, Message::BEGIN, Body::BEGIN];
        assert_eq!(names.map(|name| crc32c::crc32c(name.as_bytes())), begins);
        let key = (0x0102_0304, 0xa1b2_c3d4);
        assert_eq!(<(u32, u32)>::octets(&key).as_slice(), <(u32, u32) as Value>::as_bytes(&key).as_slice());
        assert_eq!(u64::octets(&7).as_slice(), u64::as_bytes(&7).as_slice());
    }

    #[test]
    fn a_message_costs_at_most_128_octets() {
        let message =
            Message { flags: Flags(0), date: UnixTime(0), size: 0, body: BodyId(0), modseq: 0, keywords: Keywords(1) };
        let body = Body { volume: 0, offset: 0, len: 0, record: 0, links: 0, digest: 0 };
        assert!(8 + seal(&[], &message).len() + 8 + seal(&[], &body).len() <= 128);
    }
}
