//! FETCH of what rows say: UID, FLAGS, INTERNALDATE, RFC822.SIZE, MODSEQ. Clients ask this of whole folders, so that nothing is made
//! for each message, and the store reads the next page while this one is written.

use std::{future::Future, pin::Pin};

use smol::future::poll_once;

use super::{
    End, Session,
    fetch::{Plan, Progress},
    uids::Uids,
};
use crate::{
    limits, mime,
    store::{Store, StoreError},
    types::{Flags, FolderId, Keyword, Keywords, MessageRow, Uid},
    wire::imap::{FetchItem, answer::FetchAnswer, write_flags},
};

/// Rows of the first page: the client has something to read soon.
const FIRST: usize = 500;
/// Rows of every other page; two are held.
const PAGE: usize = limits::TURN_PLAIN / 2;

/// A page of rows.
struct Page {
    /// How many were asked for.
    asked: usize,
    /// The highest UID of them.
    last: Uid,
    rows: Result<Vec<MessageRow>, StoreError>,
}

/// The pages of a set, in order.
struct Pages<'a> {
    store: &'a Store,
    folder: FolderId,
    wanted: &'a Uids,
}

impl Pages<'_> {
    /// The page behind a UID; None: there is none.
    async fn read(&self, after: Uid, max: usize) -> Option<Page> {
        let uids = self.wanted.page(after, max);
        let (asked, last) = (uids.len(), uids.last().copied()?);
        Some(Page { asked, last, rows: self.store.listed(self.folder, uids).await })
    }
}

/// Work that is under way while nobody waits for it.
enum Ahead<F: Future> {
    Working(Pin<Box<F>>),
    Done(F::Output),
}

impl<F: Future> Ahead<F> {
    async fn start(work: F) -> Self {
        let mut work = Box::pin(work);
        match poll_once(&mut work).await {
            Some(done) => Ahead::Done(done),
            None => Ahead::Working(work),
        }
    }

    async fn end(self) -> F::Output {
        match self {
            Ahead::Working(work) => work.await,
            Ahead::Done(done) => done,
        }
    }
}

/// Flags as they are written, for one list of keywords. A folder's messages have few different ones: the last ones are mostly
/// those of the next.
#[derive(Default)]
struct Flagged {
    of: Option<(Flags, Keywords, bool)>,
    text: Vec<u8>,
}

impl Flagged {
    fn text(&mut self, row: &MessageRow, recent: bool, keywords: &[Keyword]) -> &[u8] {
        let of = Some((row.flags, row.keywords, recent));
        if self.of != of {
            self.of = of;
            self.text.clear();
            let names = row.keywords.iter().filter_map(|n| keywords.get(n)).map(Keyword::as_str);
            write_flags(&mut self.text, row.flags, names, recent);
        }
        &self.text
    }
}

impl Session {
    /// Answers for all of `wanted`, of which nothing but rows is wanted.
    pub(super) async fn fetch_rows(&mut self, plan: &Plan, wanted: &Uids, progress: &mut Progress) -> Result<(), End> {
        let Some(folder) = self.phase.selected().map(|selected| selected.folder) else { return Ok(()) };
        let store = self.imap.store.clone();
        let pages = Pages { store: &store, folder, wanted };
        let mut items: Vec<&FetchItem> = plan.items.iter().map(|item| &item.item).collect();
        if plan.modseq && items.contains(&&FetchItem::Flags) && !items.contains(&&FetchItem::ModSeq) {
            items.push(&FetchItem::ModSeq);
        }
        let mut next = pages.read(Uid(0), FIRST).await;
        while let Some(page) = next {
            let mut rows = match page.rows {
                Ok(rows) => rows,
                // The folder is gone with all that was in it.
                Err(StoreError::Missing) => Vec::new(),
                Err(error) => {
                    progress.broken = Some(error);
                    break;
                }
            };
            let ahead = Ahead::start(pages.read(page.last, PAGE)).await;
            match plan.changed_since {
                Some(since) => rows.retain(|row| row.modseq > since),
                None => progress.vanished |= rows.len() < page.asked,
            }
            self.know_keywords(&rows).await?;
            self.say_rows(&items, &rows).await?;
            next = ahead.end().await;
        }
        Ok(())
    }

    /// An answer for each row, sent as it gets long.
    async fn say_rows(&mut self, items: &[&FetchItem], rows: &[MessageRow]) -> Result<(), End> {
        let (mut rows, mut flagged) = (rows.iter(), Flagged::default());
        while let Some(selected) = self.phase.selected().filter(|_| !rows.as_slice().is_empty()) {
            let out = self.conn.output();
            for row in rows.by_ref() {
                // Somebody who had the number of it is told so by EXPUNGE.
                let Some(number) = selected.view.number(row.uid) else { continue };
                let mut answer = FetchAnswer::begin(out, number);
                for item in items {
                    put_row(&mut answer, item, row, out, |answer, out| {
                        let recent = selected.view.is_recent(row.uid);
                        answer.ready(out, &FetchItem::Flags, flagged.text(row, recent, &selected.keywords));
                    });
                }
                answer.end(out);
                if out.len() >= limits::CHUNK {
                    break;
                }
            }
            self.flush_some().await?;
        }
        Ok(())
    }
}

/// An item that a row says.
pub(super) fn put_row(
    answer: &mut FetchAnswer,
    item: &FetchItem,
    row: &MessageRow,
    out: &mut Vec<u8>,
    put_flags: impl FnOnce(&mut FetchAnswer, &mut Vec<u8>),
) {
    match item {
        FetchItem::Uid => answer.uid(out, row.uid),
        FetchItem::Flags => put_flags(answer, out),
        FetchItem::InternalDate => answer.internal_date(out, row.date, mime::stamp::seconds_east(row.date)),
        FetchItem::Size => answer.size(out, row.size),
        FetchItem::ModSeq => answer.modseq(out, row.modseq),
        // These are no row's.
        FetchItem::Envelope | FetchItem::Body | FetchItem::BodyStructure => {}
        FetchItem::Rfc822 | FetchItem::Rfc822Header | FetchItem::Rfc822Text | FetchItem::Section { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, task::Poll};

    use super::*;
    use crate::{
        rt::block_on,
        types::{BodyId, ModSeq, UnixTime},
    };

    #[test]
    fn flags_are_those_of_the_row_whatever_the_last_ones_were() {
        let keywords = ["work", "home"].map(|text| Keyword::parse(text).unwrap());
        let [none, home] = [Keywords::default(), Keywords::default().with(1)];
        let mut flagged = Flagged::default();
        for (flags, words, recent, text) in [
            (Flags::SEEN, none, false, "(\\Seen)"),
            (Flags::SEEN, none, false, "(\\Seen)"),
            (Flags::SEEN, home, false, "(\\Seen home)"),
            (Flags::SEEN, none, true, "(\\Seen \\Recent)"),
            (Flags::default(), none, false, "()"),
            (Flags::default(), none.with(63), false, "()"),
        ] {
            let (uid, modseq, body) = (Uid(1), ModSeq(1), BodyId(1));
            let row = MessageRow { uid, flags, keywords: words, modseq, date: UnixTime(0), size: 1, body };
            assert_eq!(flagged.text(&row, recent, &keywords), text.as_bytes());
        }
    }

    #[test]
    fn work_is_begun_before_anybody_waits_for_it() {
        let (asked, ready) = (Cell::new(0), Cell::new(false));
        let work = std::future::poll_fn(|_| {
            asked.set(asked.get() + 1);
            if ready.get() { Poll::Ready(7) } else { Poll::Pending }
        });
        block_on(async {
            let ahead = Ahead::start(work).await;
            assert_eq!(asked.get(), 1);
            ready.set(true);
            assert_eq!((ahead.end().await, asked.get()), (7, 2));
            let done = Ahead::start(async { 8 }).await;
            assert_eq!(done.end().await, 8);
        });
    }
}
