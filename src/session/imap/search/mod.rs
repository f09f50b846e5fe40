//! SEARCH (RFC 3501 s6.4.4, RFC 4731, RFC 5032, RFC 5182, RFC 7162 s3.1.5): [`query`] says what is looked for (pure), [`sieve`]
//! looks at one message on a reader thread of the store, [`found`] says what the client hears.
//!
//! The store is asked a page at a time. Between two pages other sessions run, and this one hears that the house stops or that
//! its client went away. Numbers mean what they meant when the command began: nothing is told before its end.

mod found;
mod probe;
mod query;
mod sieve;

use std::{future::Future, sync::Arc, time::Duration};

use found::Found;
use query::{Context, Query};
use sieve::Strainer;

use super::{Done, End, Session, uids::Uids, unless_stopped};
use crate::{
    limits,
    mime::{Charset, Day, stamp::seconds_east},
    store::{Sieve, StoreError},
    types::{FolderId, Uid, UnixTime},
    wire::imap::{Returns, SearchKey, Status, Tag, say, say::Say},
};

/// How often a client that waits hears that we are still at it.
const STILL_HERE: Duration = Duration::from_secs(20);
const DAY: i64 = 86_400;

/// A SEARCH that was read.
pub(super) struct Search<'a> {
    /// UIDs in the answer.
    pub uid: bool,
    /// In capitals.
    pub charset: Option<&'a str>,
    /// What to look for.
    pub key: &'a SearchKey,
    /// The answer is ESEARCH.
    pub returns: Option<Returns>,
}

impl Session {
    /// SEARCH, UID SEARCH.
    pub(super) async fn search(&mut self, tag: &Tag, search: Search<'_>) -> Done {
        let returns = search.returns.unwrap_or_default();
        let found = match self.find(&search).await? {
            Ok(found) => found,
            Err(say) => {
                // RFC 5182 s2.1: one that fails saves nothing; one that is not understood leaves what was saved.
                if returns.save && say.status == Status::No {
                    self.save(Uids::default());
                }
                return Ok(say.into());
            }
        };
        if returns.save {
            self.save(found.to_save(returns));
        }
        match search.returns {
            None => self.say_found(&search, &found).await?,
            Some(returns) => self.say_extended(tag, &search, returns, &found).await?,
        }
        Ok(say::DONE.into())
    }

    fn save(&mut self, uids: Uids) {
        if let Some(selected) = self.phase.selected_mut() {
            selected.saved = uids;
        }
    }

    async fn find(&mut self, search: &Search<'_>) -> Result<Result<Found, Say<'static>>, End> {
        if search.key.names_modseq() {
            self.want_modseq();
        }
        let query = match self.query(search).await {
            Ok(query) => query,
            Err(say) => return Ok(Err(say)),
        };
        let Some(selected) = self.phase.selected() else { return Ok(Err(say::SELECT_FIRST)) };
        let (folder, candidates) = (selected.folder, query.candidates(selected.view.told()));
        let only_first = search.returns.is_some_and(|r| r.min && !r.max && !r.all && !r.count);
        match self.sift(folder, &candidates, query, only_first).await? {
            Ok(found) => Ok(Ok(found)),
            Err(error) => Ok(Err(self.failed("SEARCH", &error))),
        }
    }

    async fn query(&self, search: &Search<'_>) -> Result<Query, Say<'static>> {
        let selected = self.phase.selected().ok_or(say::SELECT_FIRST)?;
        let charset = charset(search.charset)?;
        // Others may have brought in keywords that this client was not told of.
        let keywords = self.imap.store.keywords(selected.folder).await;
        let keywords = keywords.map_err(|error| self.failed("SEARCH", &error))?;
        let context = Context {
            set: &|uid, set| self.resolve(uid, set),
            recent: selected.view.recents(),
            keywords: &keywords,
            text: &|octets| decode(charset, octets),
            day: &span,
            now: self.imap.policy.clock.now(),
        };
        Query::new(search.key, &context)
    }

    /// Looks at the candidates, page by page.
    async fn sift(
        &mut self,
        folder: FolderId,
        candidates: &Uids,
        query: Query,
        only_first: bool,
    ) -> Result<Result<Found, StoreError>, End> {
        let (store, clock) = (self.imap.store.clone(), self.imap.policy.clock.clone());
        let sieve: Arc<dyn Sieve> = Arc::new(Strainer::new(query));
        let (mut found, mut after, mut told) = (Found::default(), Uid(0), clock.mono());
        loop {
            let page = candidates.page(after, limits::TURN_PLAIN);
            let Some(last) = page.last().copied() else { return Ok(Ok(found)) };
            let sifted = match self.meanwhile(store.sift(folder, page, sieve.clone())).await? {
                Ok(sifted) => sifted,
                // It was deleted meanwhile, and all of its messages with it.
                Err(StoreError::Missing) => return Ok(Ok(Found::default())),
                Err(error) => return Ok(Err(error)),
            };
            sifted.hits.into_iter().for_each(|(uid, modseq)| found.add(uid, modseq));
            if only_first && !found.is_empty() {
                return Ok(Ok(found));
            }
            after = sifted.next.map_or(last, |next| Uid(next.0.saturating_sub(1)));
            if clock.mono().saturating_sub(told) >= STILL_HERE {
                told = clock.mono();
                say::STILL_HERE.untagged(self.conn.output());
                self.flush().await?;
            }
        }
    }

    /// Waits for work of the store, and hears meanwhile that the house stops or that the client is gone. A client that only
    /// said all it had to say, commands behind this one included, still hears its answers.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, End> {
        let stop = self.imap.stop.clone();
        let (conn, idle) = (&mut self.conn, self.idle);
        let gone = async {
            while conn.buffered().len() < limits::READ_BUF {
                match conn.fill(idle).await {
                    Ok(()) => {}
                    Err(_) if !conn.buffered().is_empty() => break,
                    Err(error) => return Err(error.into()),
                }
            }
            smol::future::pending().await
        };
        unless_stopped(&stop, smol::future::or(async { Ok(work.await) }, gone)).await
    }
}

/// What a text of the command is written in; None: nobody says.
fn charset(name: Option<&str>) -> Result<Option<Charset>, Say<'static>> {
    match name {
        None | Some("US-ASCII" | "ASCII") => Ok(None),
        Some(name) => Charset::named(name.as_bytes()).map(Some).ok_or(say::BAD_CHARSET),
    }
}

/// Without a charset the text should be ASCII; what is not is UTF-8, or what it looks like.
fn decode(charset: Option<Charset>, octets: &[u8]) -> Option<String> {
    match charset {
        Some(charset) => charset.decode_strictly(octets),
        None => Some(Charset::guess(octets).decode(octets)),
    }
}

/// The first moment of a day here, and that of the next: INTERNALDATE is shown in the same zone.
fn span(day: Day) -> (UnixTime, UnixTime) {
    let days = days_before(day);
    (midnight(days), midnight(days + 1))
}

fn midnight(days: i64) -> UnixTime {
    let utc = days * DAY;
    let guess = utc - i64::from(seconds_east(UnixTime(utc)));
    // The zone's offset may change in the night.
    UnixTime(utc - i64::from(seconds_east(UnixTime(guess))))
}

/// Days from 1 January 1970 on in the calendar that all mail is dated by.
fn days_before(day: Day) -> i64 {
    let (month, year) = (i64::from(day.month), i64::from(day.year));
    let (month, year) = if month > 2 { (month - 3, year) } else { (month + 9, year - 1) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,469 days lie between 1 March of the year 0 and 1 January 1970, counted from 1.
    year * 365 + leaps + (month * 153 + 2) / 5 + i64::from(day.day) - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Day {
        let parts: Vec<u16> = text.split('-').map(|part| part.parse().unwrap()).collect();
        Day::new(parts[0], u8::try_from(parts[1]).unwrap(), u8::try_from(parts[2]).unwrap()).unwrap()
    }

    #[test]
    fn days_are_counted_from_1970() {
        let day = |text: &str| days_before(date(text));
        assert_eq!((day("1970-1-1"), day("1969-12-31"), day("2000-1-1")), (0, -1, 10_957));
        assert_eq!(day("2024-2-29") + 1, day("2024-3-1"));
        assert_eq!(day("2026-11-24"), 20_781);
        for text in ["1-1-1", "9999-12-31"] {
            let (begin, end) = span(date(text));
            assert!(begin < end, "{text}");
        }
    }

    #[test]
    fn texts_are_read_in_the_charset_that_was_said() {
        let read = |name: Option<&str>, octets: &[u8]| charset(name).map(|charset| decode(charset, octets));
        assert_eq!(read(Some("KOI8-R"), b"\xd0\xcf\xde\xd4\xc1"), Ok(Some("почта".into())));
        assert_eq!(read(Some("WINDOWS-1251"), b"\xef\xee\xf7\xf2\xe0"), Ok(Some("почта".into())));
        assert_eq!(read(None, "почта".as_bytes()), Ok(Some("почта".into())));
        assert_eq!(read(Some("UTF-8"), b"\xd0"), Ok(None));
        assert_eq!(read(Some("US-ASCII"), b"plain"), Ok(Some("plain".into())));
        assert!(charset(Some("KLINGON")).is_err());
    }
}
