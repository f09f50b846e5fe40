//! What `store` tells.

use super::{Line, Tag, safe};

/// Events of `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEvent {
    /// The mail disk was opened.
    Opened {
        /// Its directory.
        place: String,
    },
    /// The mail disk is absent or failing.
    Unavailable {
        /// What it said.
        why: String,
    },
    /// Octets behind the committed length were cut off at opening: they belonged to no acknowledged message.
    Cut {
        /// The volume.
        volume: u32,
        /// How many.
        octets: u64,
    },
    /// A volume is shorter than what was committed.
    Short {
        /// The volume.
        volume: u32,
        /// Missing octets.
        octets: u64,
    },
    /// A volume without a row: emptied before a power cut, or its row is damaged. What is in it is copied forward.
    Unnamed {
        /// The volume.
        volume: u32,
    },
    /// A file in `bodies/` that another store made.
    Foreign {
        /// Its name.
        name: String,
    },
    /// The rows of an older program were brought to the format of this one.
    Raised {
        /// Messages that were counted for it.
        messages: u64,
    },
    /// The stop before was not clean: commits that were told Ok were done again from the log.
    Redone {
        /// How many.
        commits: u64,
    },
    /// `index.redb` cannot be read; it is set aside and made anew.
    IndexAside {
        /// What is wrong with it.
        why: String,
    },
    /// `index.redb` cannot be written or opened; tried again in a minute.
    IndexRests {
        /// What the disk said.
        why: String,
    },
    /// A record or a row is damaged.
    Damaged {
        /// What and where.
        what: String,
    },
    /// New mail is refused (452).
    NoRoom {
        /// Free octets and dead octets in volumes.
        room: u64,
        /// What must stay free.
        reserve: u64,
    },
    /// New mail is accepted again.
    RoomAgain {
        /// Free octets and dead octets in volumes.
        room: u64,
    },
    /// The disk was full: the reserve file was freed so that deletions still commit.
    ReserveFreed,
    /// A volume was emptied and its file removed.
    Reclaimed {
        /// The volume.
        volume: u32,
        /// Octets that were copied forward.
        copied: u64,
        /// Octets that the file had.
        freed: u64,
    },
    /// A volume cannot be emptied; it stays as it is.
    Stuck {
        /// The volume.
        volume: u32,
        /// What went wrong.
        why: String,
    },
    /// The database panicked; it is closed and opened again.
    Panicked {
        /// What was being done.
        place: &'static str,
    },
    /// Something that has no event of its own.
    Note {
        /// Whether somebody should look.
        grave: bool,
        /// Safe words.
        text: String,
    },
}

impl From<StoreEvent> for Line {
    fn from(event: StoreEvent) -> Line {
        use StoreEvent as E;
        let info = |text| Line::info(Tag::Gatepost, text);
        let warning = |text| Line::warning(Tag::Gatepost, text);
        let error = |text| Line::error(Tag::Gatepost, text);
        match event {
            E::Opened { place } => info(format!("store: opened {}", safe(&place, 200))),
            E::Unavailable { why } => error(format!("store: the mail disk is not available: {}", safe(&why, 300))),
            E::Cut { volume, octets } => {
                info(format!("store: volume {volume:06}: {octets} uncommitted octets cut off"))
            }
            E::Short { volume, octets } => error(format!("store: volume {volume:06}: {octets} octets are missing")),
            E::Unnamed { volume } => {
                info(format!("store: volume {volume:06} has no row; what messages need of it is copied forward"))
            }
            E::Foreign { name } => {
                warning(format!("store: bodies/{} is of another store and is left alone", safe(&name, 40)))
            }
            E::Raised { messages } => {
                info(format!("store: the rows of {messages} messages were brought to the format of this program"))
            }
            E::Redone { commits } => {
                info(format!("store: the last stop was not clean; {commits} commits were done again from mail.log"))
            }
            E::IndexAside { why } => {
                warning(format!("store: index.redb is set aside and made anew: {}", safe(&why, 300)))
            }
            E::IndexRests { why } => {
                warning(format!("store: index.redb is left alone for a while: {}", safe(&why, 300)))
            }
            E::Damaged { what } => error(format!("store: damaged: {}", safe(&what, 300))),
            E::NoRoom { room, reserve } => {
                error(format!("store: no room: {room} octets left, {reserve} are kept free; new mail is refused"))
            }
            E::RoomAgain { room } => info(format!("store: {room} octets of room; new mail is accepted again")),
            E::ReserveFreed => warning("store: the disk is full; the reserve is freed for deletions".into()),
            E::Reclaimed { volume, copied, freed } => {
                info(format!("store: volume {volume:06} removed: {freed} octets freed, {copied} copied forward"))
            }
            E::Stuck { volume, why } => {
                warning(format!("store: volume {volume:06} cannot be emptied: {}", safe(&why, 300)))
            }
            E::Panicked { place } => error(format!("store: the database stopped while {place}; it is opened again")),
            E::Note { grave: true, text } => error(text),
            E::Note { grave: false, text } => info(text),
        }
    }
}
