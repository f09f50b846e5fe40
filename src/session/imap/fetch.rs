//! FETCH: pages of messages out of the store, each answered and sent before the next page is read.
//!
//! What is in memory for it: a page (at most `limits::TURN_OCTETS` of the store's making, far less by the pages that are
//! asked for here) and CHUNK of answers. Nothing of the store is held while the client is slow.

use super::{Done, End, Session, message::Item, phase::Selected, uids::Uids};
use crate::{
    limits,
    store::{Fetched, FlagEdit, How, StoreError, Want},
    types::{Flags, Keyword, MessageRow, ModSeq, Uid},
    wire::imap::{FetchItem, SequenceSet, answer::FetchAnswer, say},
};

/// Octets that a page of texts should have.
const PAGE: u64 = 256 * 1024;

/// What a FETCH wants, worked out once.
pub(super) struct Plan {
    /// In the order of the answer.
    pub items: Vec<Item>,
    /// What the store shall read.
    pub want: Want,
    /// The messages count as read.
    pub reads: bool,
    /// ENABLE UTF8=ACCEPT was said.
    pub utf8: bool,
    /// MODSEQ stands with FLAGS.
    pub modseq: bool,
    /// Only what changed after this.
    pub changed_since: Option<ModSeq>,
}

/// How far a FETCH is, and what it could not do.
pub(super) struct Progress {
    /// The highest UID that is done.
    after: Uid,
    /// Messages of the next page.
    page: usize,
    /// Some are gone.
    pub vanished: bool,
    /// The first that could not be read.
    pub broken: Option<StoreError>,
}

impl Plan {
    fn new(uid: bool, items: Vec<FetchItem>, changed_since: Option<ModSeq>) -> Self {
        let has = |item: &FetchItem| items.contains(item);
        let (no_uid, no_modseq) = (!has(&FetchItem::Uid), !has(&FetchItem::ModSeq));
        let reads = items.iter().any(|item| item.section().is_some_and(|(_, reads)| reads));
        let mut all = Vec::new();
        if uid && no_uid {
            all.push(FetchItem::Uid);
        }
        all.extend(items);
        // RFC 7162 s3.1.4.1.
        if changed_since.is_some() && no_modseq {
            all.push(FetchItem::ModSeq);
        }
        let items: Vec<Item> = all.into_iter().map(Item::new).collect();
        let want =
            Want { derived: items.iter().any(Item::needs_structure), bodies: items.iter().any(Item::needs_text) };
        Plan { items, want, reads, utf8: false, modseq: false, changed_since }
    }

    fn asks_modseq(&self) -> bool {
        self.changed_since.is_some() || self.items.iter().any(|item| item.item == FetchItem::ModSeq)
    }
}

impl Progress {
    /// Bodies of unknown size: few at first, then as many as the last ones let expect.
    fn start(want: Want) -> Self {
        let page = if want.bodies { 16 } else { limits::TURN_ROWS };
        Progress { after: Uid(0), page, vanished: false, broken: None }
    }

    fn learn(&mut self, plan: &Plan, fetched: &[Fetched]) {
        if !plan.want.bodies || fetched.is_empty() {
            return;
        }
        let octets: u64 = fetched.iter().map(|f| f.body.as_ref().map_or(0, |body| body.len() as u64)).sum();
        let each = (octets / fetched.len() as u64).max(512);
        self.page = usize::try_from(PAGE / each).unwrap_or(1).clamp(4, limits::TURN_ROWS / 2);
    }
}

impl Session {
    /// FETCH and UID FETCH (RFC 3501 s6.4.5).
    pub(super) async fn fetch(
        &mut self,
        uid: bool,
        set: &SequenceSet,
        items: Vec<FetchItem>,
        changed_since: Option<ModSeq>,
    ) -> Done {
        let wanted = match self.resolve(uid, set) {
            Ok(wanted) => wanted,
            Err(sentence) => return self.abuse(sentence),
        };
        let mut plan = Plan::new(uid, items, changed_since);
        if plan.asks_modseq() {
            self.want_modseq();
        }
        let (Some(who), Some(selected)) = (self.phase.who(), self.phase.selected()) else {
            return Ok(say::SELECT_FIRST.into());
        };
        (plan.utf8, plan.modseq) = (who.utf8, who.condstore);
        plan.reads &= selected.writable;
        let mut progress = Progress::start(plan.want);
        match plan.want == Want::default() {
            true => self.fetch_rows(&plan, &wanted, &mut progress).await?,
            false => while self.fetch_page(&plan, &wanted, &mut progress).await? {},
        }
        Ok(match progress.broken {
            Some(error) => self.failed("FETCH", &error).into(),
            None if progress.vanished && !uid => say::VANISHED.into(),
            None => say::DONE.into(),
        })
    }

    /// Answers for the next messages; false when there are none.
    async fn fetch_page(&mut self, plan: &Plan, wanted: &Uids, progress: &mut Progress) -> Result<bool, End> {
        let page = wanted.page(progress.after, progress.page);
        let Some(last) = page.last().copied() else { return Ok(false) };
        let asked = page.clone();
        let mut fetched = match self.read_page(plan, page).await {
            Ok(fetched) => fetched,
            // The folder is gone with all that was in it.
            Err(StoreError::Missing) => Vec::new(),
            Err(error) => {
                progress.broken = Some(error);
                return Ok(false);
            }
        };
        let done = match plan.changed_since {
            Some(_) => last,
            // The store stops where it has read enough.
            None => fetched.last().map_or(last, |fetched| fetched.row.uid),
        };
        let found = fetched.len();
        if plan.changed_since.is_none() {
            progress.vanished |= asked.iter().take_while(|uid| **uid <= done).count() > found;
        }
        progress.after = done;
        progress.learn(plan, &fetched);
        let read = self.mark_read(plan, &mut fetched).await;
        let rows: Vec<MessageRow> = fetched.iter().map(|fetched| fetched.row).collect();
        self.know_keywords(&rows).await?;
        for message in fetched {
            let shows_flags = read.has(message.row.uid);
            if let Err(error) = self.say_message(plan, message, shows_flags).await? {
                progress.broken.get_or_insert(error);
            }
            self.flush_some().await?;
        }
        Ok(true)
    }

    /// A page of the store; with CHANGEDSINCE only what did change is read beyond its row.
    async fn read_page(&self, plan: &Plan, page: Vec<Uid>) -> Result<Vec<Fetched>, StoreError> {
        let Some(folder) = self.phase.selected().map(|selected| selected.folder) else { return Ok(Vec::new()) };
        let Some(since) = plan.changed_since else {
            return self.imap.store.fetch(folder, page, plan.want).await;
        };
        let rows = self.imap.store.listed(folder, page).await?;
        let changed: Vec<Uid> = rows.iter().filter(|row| row.modseq > since).map(|row| row.uid).collect();
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let mut all: Vec<Fetched> = Vec::new();
        loop {
            let after = all.last().map_or(Uid(0), |fetched| fetched.row.uid);
            let rest: Vec<Uid> = changed.iter().copied().filter(|uid| *uid > after).collect();
            if rest.is_empty() {
                return Ok(all);
            }
            let more = self.imap.store.fetch(folder, rest, plan.want).await?;
            if more.is_empty() {
                return Ok(all);
            }
            all.extend(more);
        }
    }

    /// \Seen for what is read here for the first time. A disk that cannot keep it does not keep the client from reading.
    async fn mark_read(&mut self, plan: &Plan, fetched: &mut [Fetched]) -> Uids {
        let unread: Vec<Uid> = match plan.reads {
            true => fetched.iter().filter(|f| !f.row.flags.has(Flags::SEEN)).map(|f| f.row.uid).collect(),
            false => Vec::new(),
        };
        let store = self.imap.store.clone();
        let Some(selected) = self.phase.selected_mut().filter(|_| !unread.is_empty()) else { return Uids::default() };
        let edit = FlagEdit { how: How::Add, flags: Flags::SEEN, keywords: Vec::new(), unchanged_since: None };
        let flagged = match store.flag(selected.folder, unread, edit).await {
            Ok(flagged) => flagged,
            Err(error) => {
                self.failed("FETCH cannot mark messages as read", &error);
                return Uids::default();
            }
        };
        for row in &flagged.rows {
            if let Ok(at) = fetched.binary_search_by_key(&row.uid, |fetched| fetched.row.uid) {
                fetched[at].row = *row;
            }
        }
        if let Err(error) = selected.absorb_after(&store, &flagged, false).await {
            self.failed("reading the folder again", &error);
        }
        flagged.rows.iter().map(|row| row.uid).collect()
    }
}

/// `* n FETCH (UID u FLAGS (...) MODSEQ (m))`
pub(super) fn say_flags(selected: &Selected, row: &MessageRow, modseq: bool, out: &mut Vec<u8>) {
    let Some(number) = selected.view.number(row.uid) else { return };
    let mut answer = FetchAnswer::begin(out, number);
    answer.uid(out, row.uid);
    put_flags(&mut answer, selected, row, out);
    if modseq {
        answer.modseq(out, row.modseq);
    }
    answer.end(out);
}

/// `FLAGS (\Seen $Forwarded)`
pub(super) fn put_flags(answer: &mut FetchAnswer, selected: &Selected, row: &MessageRow, out: &mut Vec<u8>) {
    let keywords = row.keywords.iter().filter_map(|n| selected.keywords.get(n)).map(Keyword::as_str);
    answer.flags(out, row.flags, keywords, selected.view.is_recent(row.uid));
}
