//! What happened to the open folder: taken in from the store, told to the client where it may be.

use super::{End, Session, fetch, phase::Selected, uids::Uids};
use crate::{
    limits,
    store::{Change, Changes, Flagged, Store, StoreError},
    types::{Keywords, MessageRow, Uid},
    wire::imap::{Code, answer, say},
};

/// Numbers of EXPUNGE that are worked out at a time.
const EXPUNGES: u32 = 1000;

impl Selected {
    /// Takes in what happened since the last time; says nothing.
    pub(super) async fn absorb(&mut self, store: &Store) -> Result<(), StoreError> {
        match self.watch.take() {
            Changes::List(changes) => changes.iter().for_each(|change| self.hear(change)),
            Changes::Lost => self.read_again(store).await?,
        }
        Ok(())
    }

    /// As [`Selected::absorb`], behind a change of the client's own: only what happened after it is news. `silent`: the client
    /// is not told of it, so it knows nothing but its own change.
    pub(super) async fn absorb_after(
        &mut self,
        store: &Store,
        flagged: &Flagged,
        silent: bool,
    ) -> Result<(), StoreError> {
        if !silent {
            flagged.rows.iter().for_each(|row| self.view.knows_flags(row.uid));
        }
        match self.watch.take() {
            Changes::List(changes) => {
                changes.iter().filter(|change| !is_known(change, flagged, silent)).for_each(|change| self.hear(change));
            }
            Changes::Lost => self.read_again(store).await?,
        }
        // Only now: what was read again is news above what was seen before.
        self.seen = self.seen.max(flagged.changed.unwrap_or(self.seen));
        Ok(())
    }

    fn hear(&mut self, change: &Change) {
        match change {
            Change::Added(uid, modseq) => {
                self.view.hear_added(*uid);
                self.seen = self.seen.max(*modseq);
            }
            Change::Flags(uid, modseq) => {
                self.view.hear_flags(*uid);
                self.seen = self.seen.max(*modseq);
            }
            Change::Gone(uid, modseq) => {
                self.view.hear_gone(*uid);
                self.seen = self.seen.max(*modseq);
            }
            Change::FolderGone => self.view.hear_all(&Uids::default()),
        }
    }

    /// News were lost: the rows say what is there. Pages, no transaction between them.
    async fn read_again(&mut self, store: &Store) -> Result<(), StoreError> {
        let (mut present, mut after, seen) = (Uids::default(), Uid(0), self.seen);
        loop {
            let rows = match store.page(self.folder, after, limits::TURN_ROWS).await {
                // It was deleted: all are gone.
                Err(StoreError::Missing) => Vec::new(),
                rows => rows?,
            };
            let Some(last) = rows.last() else { break };
            after = last.uid;
            for row in &rows {
                present.add(row.uid);
                if row.modseq > seen {
                    self.view.hear_flags(row.uid);
                    self.seen = self.seen.max(row.modseq);
                }
            }
        }
        self.view.hear_all(&present);
        Ok(())
    }
}

/// Whether the client knows a change when it knows what came of its own.
///
/// Believed: a row that came out of a silent STORE shows the client's own change. True: where the flags were so already it
/// shows the last change of somebody else, of which the client may know nothing.
fn is_known(change: &Change, flagged: &Flagged, silent: bool) -> bool {
    let shown = |uid: Uid| {
        let at = flagged.rows.binary_search_by_key(&uid, |row| row.uid).ok()?;
        Some(flagged.rows[at].modseq)
    };
    match change {
        Change::Flags(_, modseq) if silent => flagged.changed == Some(*modseq),
        Change::Flags(uid, modseq) => shown(*uid).is_some_and(|shown| *modseq <= shown),
        Change::Added(..) | Change::Gone(..) | Change::FolderGone => false,
    }
}

impl Session {
    /// Takes in what happened; a store that cannot say leaves the picture as it is.
    pub(super) async fn absorb(&mut self) {
        let store = self.imap.store.clone();
        let Some(selected) = self.phase.selected_mut() else { return };
        if let Err(error) = Box::pin(selected.absorb(&store)).await {
            self.failed("reading the folder again", &error);
        }
    }

    /// Tells what happened to the open folder. `expunge`: EXPUNGE may be said now.
    pub(super) async fn tell_news(&mut self, expunge: bool) -> Result<(), End> {
        self.absorb().await;
        if !self.phase.selected().is_some_and(|selected| selected.view.has_news(expunge)) {
            return Ok(());
        }
        Box::pin(async {
            if expunge {
                self.tell_expunged().await?;
            }
            self.tell_arrived();
            self.tell_flags().await
        })
        .await
    }

    async fn tell_expunged(&mut self) -> Result<(), End> {
        while let Some(selected) = self.phase.selected_mut() {
            let numbers = selected.view.expunge(EXPUNGES);
            if numbers.is_empty() {
                break;
            }
            for number in numbers {
                answer::expunge(self.conn.output(), number);
            }
            self.flush_some().await?;
        }
        Ok(())
    }

    fn tell_arrived(&mut self) {
        let Some(selected) = self.phase.selected_mut() else { return };
        if selected.view.arrive().is_none() {
            return;
        }
        let recent = match selected.writable {
            true => self.imap.store.take_recent(selected.folder),
            false => self.imap.store.peek_recent(selected.folder),
        };
        if let Some(first) = recent {
            selected.view.mark_recent(first);
        }
        let (exists, recent) = (selected.view.exists(), selected.view.recent());
        answer::exists(self.conn.output(), exists);
        answer::recent(self.conn.output(), recent);
    }

    /// FETCH of the flags that others changed, a page at a time.
    async fn tell_flags(&mut self) -> Result<(), End> {
        while let Some(selected) = self.phase.selected_mut() {
            let changed: Vec<Uid> = selected.view.changed(limits::TURN_ROWS as u32).iter().collect();
            if changed.is_empty() {
                break;
            }
            match self.imap.store.listed(selected.folder, changed).await {
                Ok(rows) => {
                    self.know_keywords(&rows).await?;
                    self.say_flags(&rows);
                }
                Err(error) => {
                    self.failed("reading changed flags", &error);
                    break;
                }
            }
            self.flush_some().await?;
        }
        Ok(())
    }

    /// `* n FETCH (UID u FLAGS (...))` for each.
    pub(super) fn say_flags(&mut self, rows: &[MessageRow]) {
        let modseq = self.phase.who().is_some_and(|who| who.condstore);
        let Some(selected) = self.phase.selected() else { return };
        for row in rows {
            fetch::say_flags(selected, row, modseq, self.conn.output());
        }
    }

    /// A keyword that the client was never told of is told before a message that has it (RFC 3501 s7.2.6).
    pub(super) async fn know_keywords(&mut self, rows: &[MessageRow]) -> Result<(), End> {
        let Some(selected) = self.phase.selected_mut() else { return Ok(()) };
        let all = rows.iter().fold(0, |all, row| all | row.keywords.0);
        if u64::BITS - all.leading_zeros() <= selected.keywords.len() as u32 {
            return Ok(());
        }
        match Box::pin(self.imap.store.keywords(selected.folder)).await {
            Ok(keywords) => selected.keywords = keywords,
            Err(error) => {
                self.failed("reading keywords", &error);
                return Ok(());
            }
        }
        self.say_keywords();
        Ok(())
    }

    /// FLAGS and PERMANENTFLAGS of the open folder.
    pub(super) fn say_keywords(&mut self) {
        let Some(selected) = self.phase.selected() else { return };
        let out = self.conn.output();
        answer::flags(out, &selected.keywords);
        let create = selected.keywords.len() < Keywords::MOST;
        let code = Code::PermanentFlags { keywords: &selected.keywords, writable: selected.writable, create };
        say::FLAGS_CAN_CHANGE.with(code).untagged(out);
    }
}
