//! Opens the mail disk, watches its room, and brings it back when it was away. Belongs to the writer thread.
//!
//! | state of the mail disk | callers hear | leaves by |
//! |---|---|---|
//! | *away* (absent, failing, panicked) | Unavailable | an opening that works, tried every 3 seconds |
//! | *open* | what they asked | a failed write, sync or read of the database; a panic; closing |
//! | *open, short* (below the reserve) | NoRoom for new mail only | room again: deletion, reclaiming, a larger disk |
//! | *closed* | Unavailable | - |

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    thread,
    time::Duration,
};

use super::{
    Row, Write,
    core::Core,
    fault::Fault,
    mail::{Finding, Mail, Opened},
    redo::Told,
    space::{self, Reserve},
};
use crate::{journal::StoreEvent, rt::Light};

/// How often a disk that is away is tried.
const RETRY: Duration = Duration::from_secs(3);
/// How long readers may still hold an opening that was given up: 5,000 times 2 ms.
const HOLD: u32 = 5000;
const PAUSE: Duration = Duration::from_millis(2);
/// The line on the board.
const LINE: &str = "store";
/// Kind of the rows of `system.redb` that remember which mail store a directory held.
const KNOWN: &str = "store";

/// Keeps the mail disk open.
pub(super) struct Keeper {
    core: Arc<Core>,
    /// When, by the clock that never steps.
    tried: Duration,
    suspects: Vec<u32>,
    /// What the last opening kept that was given up, if nothing was opened since.
    told: Option<Told>,
    reserve: Reserve,
    closed: bool,
}

impl Keeper {
    /// Nothing is open yet.
    pub fn new(core: Arc<Core>) -> Keeper {
        let (suspects, reserve) = (Vec::new(), Reserve::default());
        Keeper { core, tried: Duration::ZERO, suspects, told: None, reserve, closed: false }
    }

    /// Tries to open the mail disk.
    pub fn open(&mut self) {
        self.tried = self.core.clock.mono();
        let mut opened = self.guarded_open();
        // What the log holds needs its room in the files.
        if matches!(opened, Err(Fault::Full)) && self.reserve.free(&self.core) {
            self.core.journal.tell(StoreEvent::ReserveFreed);
            opened = self.guarded_open();
        }
        match opened {
            Ok(opened) => self.opened(opened),
            Err(fault) => self.away(&fault.told().to_string()),
        }
    }

    fn guarded_open(&self) -> Result<Opened, Fault> {
        catch_unwind(AssertUnwindSafe(|| self.try_open()))
            .unwrap_or_else(|_| Err(Fault::Failed("mail.redb cannot be read; run `gatepost check`".into())))
    }

    fn try_open(&self) -> Result<Opened, Fault> {
        let core = &self.core;
        let place = core.places.mail.display().to_string();
        let known = core.system.value(KNOWN, &place)?;
        let known = known.and_then(|bytes| u64::from_str_radix(std::str::from_utf8(&bytes).ok()?, 16).ok());
        let opened = Mail::open(&core.disk, &core.places, (known, self.told), core.clock.now())?;
        if known != Some(opened.mail.mark) {
            let value = format!("{:016x}", opened.mail.mark).into_bytes();
            core.system.write_now(&[Write::Put(Row { kind: KNOWN.into(), key: place, value })])?;
        }
        Ok(opened)
    }

    fn opened(&mut self, opened: Opened) {
        let core = &self.core;
        for finding in opened.findings {
            core.journal.tell(match finding {
                Finding::Cut { volume, octets } => StoreEvent::Cut { volume, octets },
                Finding::Short { volume, octets } => StoreEvent::Short { volume, octets },
                Finding::Unnamed { volume } => StoreEvent::Unnamed { volume },
                Finding::Foreign { name } => StoreEvent::Foreign { name },
                Finding::Raised { messages } => StoreEvent::Raised { messages },
                Finding::Redone { commits } => StoreEvent::Redone { commits },
                Finding::Log { what } => StoreEvent::Damaged { what },
            });
        }
        self.suspects.iter().for_each(|number| opened.mail.pool.suspect(*number));
        core.next_body.fetch_max(opened.house.next_body, Ordering::SeqCst);
        core.ids_until.store(opened.house.next_body + super::mail::IDS, Ordering::SeqCst);
        core.newest.fetch_max(opened.house.newest.0, Ordering::SeqCst);
        core.set_mail(opened.mail);
        self.told = None;
        let place = core.places.mail.display().to_string();
        core.board.put(LINE, Light::Green, format!("open in {place}"));
        core.journal.tell(StoreEvent::Opened { place });
        self.look_at_room();
    }

    fn away(&self, why: &str) {
        if self.core.set_why(why) {
            self.core.journal.tell(StoreEvent::Unavailable { why: why.to_owned() });
        }
        self.core.board.put(LINE, Light::Red, format!("the mail disk is not available: {why}"));
    }

    /// Gives this opening up (nothing of it writes any more) and opens again at once.
    pub fn reopen(&mut self, why: &str) {
        self.core.journal.tell(StoreEvent::Unavailable { why: why.to_owned() });
        self.core.board.put(LINE, Light::Red, format!("the mail disk is opened again: {why}"));
        if let Some(mail) = self.core.take_mail(why) {
            self.core.index.give_up();
            mail.gate.shut();
            self.suspects.extend(mail.pool.suspects());
            self.told = Some(mail.redo.told());
            // A damaged database may panic once more when it is closed.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(wait_for_readers(mail))));
        }
        self.open();
    }

    /// Closes for good, cleanly.
    pub fn close(&mut self) {
        self.closed = true;
        if let Ok(mail) = self.core.mail() {
            self.core.index.close(&self.core, &mail);
        }
        if let Some(mail) = self.core.take_mail("the store is closed") {
            let _ = catch_unwind(AssertUnwindSafe(|| mail.settle()));
            let _ = mail.pool.sweep();
            if let Some(mail) = wait_for_readers(mail) {
                // Dropping a database writes its state; a panic there is no harm any more.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(mail)));
            }
        }
    }

    /// Every second: tries a disk that is away, looks at the room of one that is open.
    pub fn tick(&mut self) {
        if self.core.mail().is_ok() {
            self.look_at_room();
        } else if !self.closed && self.core.clock.mono().saturating_sub(self.tried) >= RETRY {
            self.open();
        }
    }

    /// Frees the reserve file so that deletions commit on a full disk.
    pub fn free_reserve(&mut self) {
        if self.reserve.free(&self.core) {
            self.core.journal.tell(StoreEvent::ReserveFreed);
        }
    }

    fn look_at_room(&mut self) {
        let Ok(mail) = self.core.mail() else { return };
        let Ok(room) = space::room(&self.core, &mail) else { return };
        let short = room.is_short();
        if self.core.full.swap(short, Ordering::SeqCst) != short {
            let (left, reserve) = (room.left(), room.reserve);
            if short {
                self.core.journal.tell(StoreEvent::NoRoom { room: left, reserve });
                let text = format!("no room: {left} octets left, {reserve} are kept free; new mail is refused (452)");
                self.core.board.put(LINE, Light::Red, text);
            } else {
                self.core.journal.tell(StoreEvent::RoomAgain { room: left });
                self.core.board.put(LINE, Light::Green, format!("open in {}", self.core.places.mail.display()));
            }
        }
        self.reserve.keep(&self.core, &room);
    }
}

/// Readers hold an opening for one turn. Gives it when nobody else has it; one that is held longer is left to its holder,
/// whose writes the gate refuses.
fn wait_for_readers(mut mail: Arc<Mail>) -> Option<Mail> {
    for _ in 0..HOLD {
        match Arc::try_unwrap(mail) {
            Ok(mail) => return Some(mail),
            Err(held) => mail = held,
        }
        thread::sleep(PAUSE);
    }
    mail.gate.shut();
    None
}
