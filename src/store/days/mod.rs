//! The journal's day files: `journal/2026-11-24.redb` in the mail directory, one a day of the appliance's zone (M1-M6).
//!
//! A [`Sink`] that never blocks: lines wait in memory, bounded, and are written in batches, one durable commit each, so that
//! the flash does not wear. A full, absent or failing disk drops the oldest with a count that is told when it works again; a
//! damaged file is set aside and a new one begun. All files are read and written on one thread.
//!
//! Must not know: what a line means, settings, the message store beside it (but that `mail.redb` is there: a mail disk that
//! is not mounted must not be filled on the system disk instead).

mod day;
mod file;
mod tally;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use self::file::{Files, Trouble};
use super::StoreError;
use crate::{
    journal::{Journal, Origin, Sink, SinkEvent, Stamped},
    limits,
    rt::{Bell, Board, Clock, Light, Stop, Worker, is_plausible, timeout},
};

pub use self::{
    day::{Day, DayLine, Export, Look, Page},
    tally::{Hours, Message},
};

/// The line of the board, and the name in the journal.
const NAME: &str = "journal:files";
/// A batch is written after so long...
const PERIOD: Duration = Duration::from_secs(5);
/// ... or when so many lines wait.
const BATCH: usize = 512;
/// Lines that one turn on the thread looks at in a search; writing goes on between turns.
const SLICE: u64 = 10_000;
/// Lines that one look through a day goes over; the next one goes on behind them.
const LOOK: u64 = 10 * SLICE;
/// Lines of one page, and of one piece of an export.
const MOST: usize = 1000;
/// How often old files are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);

#[derive(Default)]
struct Pending {
    lines: VecDeque<Arc<Stamped>>,
    lost: u64,
}

impl Pending {
    /// Drops the oldest beyond the bound.
    fn bound(&mut self) {
        let over = self.lines.len().saturating_sub(limits::JOURNAL_QUEUE);
        self.lines.drain(..over);
        self.lost += over as u64;
    }
}

/// What only the thread touches.
struct Work {
    files: Files,
    /// Told as failing.
    failing: bool,
    housekept: Option<Duration>,
}

struct Inner {
    origin: Origin,
    pending: Mutex<Pending>,
    work: Mutex<Work>,
    keep: AtomicU32,
    bell: Bell,
    worker: Worker,
    clock: Arc<dyn Clock>,
    journal: Journal,
    board: Board,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Days(Arc<Inner>);

impl Days {
    /// Files are written on `worker`. None is touched before [`Days::run`] runs, so this costs nothing before the listeners
    /// are up.
    pub fn new(
        mail_dir: PathBuf,
        origin: Origin,
        (clock, journal, board): (Arc<dyn Clock>, Journal, Board),
        worker: Worker,
    ) -> Self {
        let files = Files::new(mail_dir, origin.pid, origin.zone.clone());
        let inner = Inner {
            origin,
            pending: Mutex::default(),
            work: Mutex::new(Work { files, failing: false, housekept: None }),
            keep: AtomicU32::new(u32::MAX),
            bell: Bell::default(),
            worker,
            clock,
            journal,
            board,
        };
        Days(Arc::new(inner))
    }

    /// Files of days further back than this are removed (setting `journal.days`); before the first call none is.
    pub fn keep(&self, days: u32) {
        self.0.keep.store(days, Ordering::Relaxed);
        self.0.bell.ring();
    }

    /// Writes batches until it is stopped, and what is left then.
    pub async fn run(self, stop: Stop) {
        while !stop.is_set() {
            let _ = timeout(PERIOD, smol::future::or(self.0.bell.wait(), stop.wait())).await;
            self.flush().await;
        }
    }

    /// Writes what waits.
    pub async fn flush(&self) {
        let inner = self.0.clone();
        // Busy means that the thread is gone: nothing can be written any more.
        let _ = self.0.worker.run(move || inner.write()).await;
    }

    /// Writes what waits, on the caller's thread; for the very end.
    pub fn close(&self) {
        self.0.write();
        self.0.work().files.close();
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Files) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.0.clone();
        let done = self.0.worker.run(move || inner.read(work)).await;
        done.unwrap_or_else(|_| Err(StoreError::Unavailable("the journal's thread is gone".into())))
    }

    /// The days that have a file, newest first.
    pub async fn days(&self) -> Result<Vec<Day>, StoreError> {
        self.turn(|files| files.days()).await
    }

    /// Today in the appliance's zone.
    pub fn today(&self) -> Day {
        Day::of(self.0.clock.now(), &self.0.origin.zone)
    }

    /// What the last `days` days counted up to now, oldest first; a day without a file counted nothing (A18, A24, Q29).
    pub async fn hours(&self, days: u32) -> Result<Vec<(Day, Hours)>, StoreError> {
        self.flush().await;
        let today = self.today();
        let mut out = Vec::new();
        for back in (0..days).rev() {
            let day = today.back(back);
            out.push((day, self.turn(move |files| files.hours(day)).await?));
        }
        Ok(out)
    }

    /// The newest messages, newest first; today's, and those of the day before that has a file where they are too few (A20).
    pub async fn feed(&self, max: usize) -> Result<Vec<Message>, StoreError> {
        self.flush().await;
        let max = max.min(MOST);
        let mut days = self.days().await?.into_iter();
        let mut out = Vec::new();
        for day in days.by_ref().take(2) {
            let rest = max - out.len();
            out.extend(self.turn(move |files| files.messages(day, rest)).await?);
        }
        Ok(out)
    }

    /// The name of the appliance's time zone, where it has one.
    pub fn zone(&self) -> String {
        self.0.origin.zone.iana_name().unwrap_or_default().to_owned()
    }

    /// A page of a day, newest line first; page 1 is the newest, a page behind the end is the last (M2). `search` is looked
    /// for in text and program name without regard to case; empty finds all (M4). A day without a file has no lines.
    pub async fn page(&self, day: Day, page: usize, per_page: usize, search: &str) -> Result<Page, StoreError> {
        self.flush().await;
        let per_page = per_page.clamp(1, MOST);
        let needle = needle(search);
        if needle.is_empty() {
            return self.plain_page(day, page.max(1), per_page).await;
        }
        let mut found = self.searched(day, page.max(1), per_page, &needle).await?;
        if found.page > found.pages {
            found = self.searched(day, found.pages, per_page, &needle).await?;
        }
        Ok(found)
    }

    async fn plain_page(&self, day: Day, page: usize, per_page: usize) -> Result<Page, StoreError> {
        self.turn(move |files| {
            let total = files.last(day)?;
            let mut out = Page::empty(page, per_page, total);
            out.page = out.page.min(out.pages);
            let newest = total.saturating_sub(((out.page - 1) * per_page) as u64);
            let oldest = newest.saturating_sub(per_page as u64 - 1).max(1);
            out.lines = files.range(day, oldest, newest)?;
            out.lines.reverse();
            Ok(out)
        })
        .await
    }

    async fn searched(&self, day: Day, page: usize, per_page: usize, needle: &str) -> Result<Page, StoreError> {
        let mut newest = self.turn(move |files| files.last(day)).await?;
        let skip = ((page - 1) * per_page) as u64;
        let (mut lines, mut total) = (Vec::new(), 0_u64);
        while newest > 0 {
            let oldest = newest.saturating_sub(SLICE - 1).max(1);
            let needle = needle.to_owned();
            let mut slice = self.turn(move |files| files.search(day, oldest, newest, &needle)).await?;
            while let Some(number) = slice.pop() {
                if (skip..skip + per_page as u64).contains(&total) {
                    lines.push(number);
                }
                total += 1;
            }
            newest = oldest - 1;
        }
        Ok(Page { lines: self.lines(day, lines).await?, ..Page::empty(page, per_page, total) })
    }

    /// A bounded piece of a search, newest line first: of the lines numbered below `below` (0: of all of them), until `max` hold
    /// `search`, or LOOK were looked at. A search of a day of millions is made of these, shows how far it is and can be left.
    pub async fn look(&self, day: Day, below: u64, max: usize, search: &str) -> Result<Look, StoreError> {
        if below == 0 {
            self.flush().await;
        }
        let (needle, max) = (needle(search), max.clamp(1, MOST));
        let total = self.turn(move |files| files.last(day)).await?;
        let mut left = if below == 0 { total } else { total.min(below - 1) };
        let end = left.saturating_sub(LOOK);
        let mut found: Vec<u64> = Vec::new();
        while left > end && found.len() < max {
            let (newest, oldest) = (left, left.saturating_sub(SLICE - 1).max(end + 1));
            let needle = needle.clone();
            let slice = self.turn(move |files| files.search(day, oldest, newest, &needle)).await?;
            found.extend(slice.into_iter().rev().take(max - found.len()));
            left = found.last().filter(|_| found.len() == max).map_or(oldest, |last| *last) - 1;
        }
        let lines = self.lines(day, found).await?;
        Ok(Look { lines, left, total })
    }

    /// Lines by their numbers.
    async fn lines(&self, day: Day, numbers: Vec<u64>) -> Result<Vec<DayLine>, StoreError> {
        let each = move |files: &mut Files| {
            numbers.iter().map(|n| files.range(day, *n, *n)).collect::<Result<Vec<_>, _>>().map(|lines| lines.concat())
        };
        self.turn(each).await
    }

    /// A piece of a day as text, oldest line first, from behind line `after` (0 at first), and the number to go on behind;
    /// None when it was the last piece. `mail` stands for `postfix` (Q30, M6).
    pub async fn export(
        &self,
        day: Day,
        after: u64,
        form: Export,
        mail: &str,
    ) -> Result<(String, Option<u64>), StoreError> {
        if after == 0 {
            self.flush().await;
        }
        let until = after.saturating_add(MOST as u64);
        let lines = self.turn(move |files| files.range(day, after.saturating_add(1), until)).await?;
        let head = if after == 0 { form.head() } else { "" };
        let text = lines.iter().fold(head.to_owned(), |text, line| text + &line.text(form, mail, &self.0.origin));
        Ok((text, lines.last().map(|line| line.number)))
    }
}

/// What is looked for, as the files want it.
fn needle(search: &str) -> String {
    search.trim().to_lowercase().chars().take(200).collect()
}

impl Inner {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, work: impl FnOnce(&mut Files) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let done = work(&mut self.work().files);
        done.map_err(|trouble| match trouble {
            Trouble::Damaged { file, why } => {
                let told = StoreError::Damaged(format!("the journal file {file}: {why}"));
                self.journal.tell(SinkEvent::SetAside { file, why });
                told
            }
            Trouble::Failed(why) => StoreError::Unavailable(why),
        })
    }

    /// Writes everything that waits, then looks for old files.
    fn write(&self) {
        let mut work = self.work();
        loop {
            let batch: Vec<Arc<Stamped>> = {
                let mut pending = self.pending();
                let many = pending.lines.len().min(2 * BATCH);
                pending.lines.drain(..many).collect()
            };
            if batch.is_empty() {
                break;
            }
            if !self.write_batch(&mut work, &batch) {
                return;
            }
        }
        self.housekeeping(&mut work);
    }

    /// Writes one batch, day by day; false when it could not. What was not written waits again.
    fn write_batch(&self, work: &mut Work, batch: &[Arc<Stamped>]) -> bool {
        let mut rest = batch;
        while let Some(first) = rest.first() {
            let day = Day::of(first.at, &self.origin.zone);
            let many = rest.iter().take_while(|line| Day::of(line.at, &self.origin.zone) == day).count();
            match work.files.append(day, &rest[..many]) {
                Ok(()) => rest = &rest[many..],
                // Told; the next append begins a new file.
                Err(Trouble::Damaged { file, why }) => self.journal.tell(SinkEvent::SetAside { file, why }),
                Err(Trouble::Failed(why)) => {
                    self.failed(work, rest, why);
                    return false;
                }
            }
        }
        self.works(work);
        true
    }

    fn failed(&self, work: &mut Work, rest: &[Arc<Stamped>], why: String) {
        let lost = {
            let mut pending = self.pending();
            for line in rest.iter().rev() {
                pending.lines.push_front(line.clone());
            }
            pending.bound();
            pending.lost
        };
        let lost = if lost == 0 { String::new() } else { format!("; {lost} lines were lost so far") };
        self.board.put(NAME, Light::Yellow, format!("{why}{lost}"));
        if !std::mem::replace(&mut work.failing, true) {
            self.journal.tell(SinkEvent::Unreachable { sink: NAME.into(), why });
        }
    }

    fn works(&self, work: &mut Work) {
        self.board.put(NAME, Light::Green, "journal files are written");
        if std::mem::take(&mut work.failing) {
            self.journal.tell(SinkEvent::Reached { sink: NAME.into() });
        }
        let lost = std::mem::take(&mut self.pending().lost);
        if lost > 0 {
            self.journal.tell(SinkEvent::Lost { sink: NAME.into(), lines: lost });
        }
    }

    /// Removes files older than the setting; never while the clock cannot be right (section 6 of the design).
    fn housekeeping(&self, work: &mut Work) {
        let (now, mono) = (self.clock.now(), self.clock.mono());
        let keep = self.keep.load(Ordering::Relaxed);
        let due = work.housekept.is_none_or(|last| mono.saturating_sub(last) >= HOUSEKEEPING);
        if keep == u32::MAX || !due || !is_plausible(now) {
            return;
        }
        work.housekept = Some(mono);
        match work.files.expire(Day::of(now, &self.origin.zone).back(keep)) {
            Ok(0) => {}
            Ok(files) => self.journal.tell(SinkEvent::Expired { files }),
            Err(why) => self.board.put(NAME, Light::Yellow, format!("old journal files cannot be removed: {why}")),
        }
    }
}

impl Sink for Days {
    fn take(&self, line: &Arc<Stamped>) {
        let mut pending = self.0.pending();
        pending.lines.push_back(line.clone());
        pending.bound();
        let full = pending.lines.len() == BATCH;
        drop(pending);
        if full {
            self.0.bell.ring();
        }
    }
}
