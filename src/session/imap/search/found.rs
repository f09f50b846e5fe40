//! What was found, and what the client hears of it.

use super::{Search, Session};
use crate::{
    session::imap::{End, uids::Uids},
    types::{ModSeq, Uid},
    wire::imap::{
        Returns, Tag,
        answer::{self, Esearch, EsearchAnswer},
    },
};

/// Numbers that are written before they are sent.
const PAGE: u32 = 1000;

/// The messages that were found, in the order of their UIDs.
#[derive(Debug, Default)]
pub(super) struct Found {
    hits: Uids,
    first: Option<(Uid, ModSeq)>,
    last: Option<(Uid, ModSeq)>,
    highest: Option<ModSeq>,
}

impl Found {
    /// One more, with a UID above the others'.
    pub fn add(&mut self, uid: Uid, modseq: ModSeq) {
        self.hits.add(uid);
        self.first.get_or_insert((uid, modseq));
        self.last = Some((uid, modseq));
        self.highest = self.highest.max(Some(modseq));
    }

    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    /// What `$` stands for afterwards (RFC 5182 s2.4): all, but with MIN or MAX and nothing else only these.
    pub fn to_save(&self, returns: Returns) -> Uids {
        if returns.all || returns.count || !(returns.min || returns.max) {
            return self.hits.clone();
        }
        let first = self.first.filter(|_| returns.min);
        let last = self.last.filter(|_| returns.max);
        first.into_iter().chain(last).map(|(uid, _)| uid).collect()
    }

    /// The highest MODSEQ of what is told (RFC 7162 s3.1.10): of all, but with MIN or MAX and nothing else of these.
    fn modseq(&self, returns: Returns) -> Option<ModSeq> {
        if returns.all || returns.count {
            return self.highest;
        }
        let first = self.first.filter(|_| returns.min);
        let last = self.last.filter(|_| returns.max);
        first.into_iter().chain(last).map(|(_, modseq)| modseq).max()
    }
}

impl Session {
    /// `* SEARCH 2 5 9`, a page at a time.
    pub(super) async fn say_found(&mut self, search: &Search<'_>, found: &Found) -> Result<(), End> {
        let mut answer = answer::SearchAnswer::begin(self.conn.output());
        for (first, last) in found.hits.ranges() {
            // A run of UIDs is one of numbers too.
            let Some((mut number, last)) = self.said_as(search.uid, first).zip(self.said_as(search.uid, last)) else {
                continue;
            };
            loop {
                let stop = last.min(number.saturating_add(PAGE));
                let out = self.conn.output();
                (number..=stop).for_each(|number| answer.number(out, number));
                self.flush_some().await?;
                if stop == last {
                    break;
                }
                number = stop + 1;
            }
        }
        let modseq = found.highest.filter(|_| search.key.names_modseq());
        answer.end(self.conn.output(), modseq);
        Ok(())
    }

    /// `* ESEARCH (TAG "a") UID MIN 2 COUNT 3 ALL 2,5:9`, a page of ranges at a time; nothing when only SAVE was asked for
    /// (RFC 5182 s2.1).
    pub(super) async fn say_extended(
        &mut self,
        tag: &Tag,
        search: &Search<'_>,
        returns: Returns,
        found: &Found,
    ) -> Result<(), End> {
        if returns == (Returns { save: true, ..Returns::default() }) {
            return Ok(());
        }
        let told = |hit: Option<(Uid, ModSeq)>| hit.and_then(|(uid, _)| self.said_as(search.uid, uid));
        let said = Esearch {
            uid: search.uid,
            min: told(found.first).filter(|_| returns.min),
            max: told(found.last).filter(|_| returns.max),
            count: returns.count.then(|| found.hits.len()),
            modseq: found.modseq(returns).filter(|_| search.key.names_modseq()),
        };
        let mut answer = EsearchAnswer::begin(self.conn.output(), tag, said);
        if returns.all {
            self.say_ranges(&mut answer, search.uid, &found.hits).await?;
        }
        answer.end(self.conn.output());
        Ok(())
    }

    /// A run of UIDs is one of numbers too; numbers go on where UIDs have a gap.
    async fn say_ranges(&mut self, answer: &mut EsearchAnswer, uid: bool, hits: &Uids) -> Result<(), End> {
        let mut open: Option<(u32, u32)> = None;
        for (first, last) in hits.ranges() {
            let Some(run) = self.said_as(uid, first).zip(self.said_as(uid, last)) else { continue };
            match open {
                Some((from, to)) if to.checked_add(1) == Some(run.0) => open = Some((from, run.1)),
                Some(range) => {
                    answer.range(self.conn.output(), range);
                    self.flush_some().await?;
                    open = Some(run);
                }
                None => open = Some(run),
            }
        }
        if let Some(range) = open {
            answer.range(self.conn.output(), range);
        }
        Ok(())
    }

    /// The number by which the client knows a message.
    fn said_as(&self, by_uid: bool, uid: Uid) -> Option<u32> {
        if by_uid {
            return Some(uid.0);
        }
        self.phase.selected().and_then(|selected| selected.view.number(uid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(hits: &[(u32, u64)]) -> Found {
        let mut found = Found::default();
        hits.iter().for_each(|(uid, modseq)| found.add(Uid(*uid), ModSeq(*modseq)));
        found
    }

    const MIN: Returns = Returns { min: true, max: false, all: false, count: false, save: true };

    #[test]
    fn saves_what_was_asked_for() {
        let found = found(&[(2, 9), (3, 5), (7, 4)]);
        let saved = |returns| found.to_save(returns).iter().map(|uid| uid.0).collect::<Vec<_>>();
        assert_eq!(saved(MIN), [2]);
        assert_eq!(saved(Returns { max: true, ..MIN }), [2, 7]);
        assert_eq!(saved(Returns { count: true, ..MIN }), [2, 3, 7]);
        assert_eq!(saved(Returns { min: false, ..MIN }), [2, 3, 7]);
    }

    #[test]
    fn the_highest_modseq_is_that_of_what_is_told() {
        let hits = found(&[(2, 3), (3, 9), (7, 4)]);
        assert_eq!(hits.modseq(MIN), Some(ModSeq(3)));
        assert_eq!(hits.modseq(Returns { max: true, ..MIN }), Some(ModSeq(4)));
        assert_eq!(hits.modseq(Returns { all: true, ..MIN }), Some(ModSeq(9)));
        assert_eq!(found(&[]).modseq(Returns { all: true, ..MIN }), None);
    }
}
