//! One message in a FETCH: where its octets lie, and its answer.

use std::{io, ops::Range, sync::Arc};

use super::{
    End, Session,
    fetch::{Plan, put_flags},
    plain::put_row,
};
use crate::{
    limits,
    mime::{
        self, Derived, DerivedView,
        section::{self, FieldFilter, Piece, Section, What},
    },
    store::{Fetched, Store, StoreError},
    types::{BodyReader, BytesBody, MessageRow},
    wire::imap::{FetchItem, Partial, answer::FetchAnswer},
};

/// An item of a FETCH, ready to be answered many times.
pub(super) struct Item {
    /// As it was asked for.
    pub item: FetchItem,
    /// The octets that it means, if it means octets.
    section: Option<Section>,
}

impl Item {
    pub fn new(item: FetchItem) -> Self {
        let section = item.section().map(|(section, _)| section);
        Item { item, section }
    }

    /// Whether the message's octets are needed.
    pub fn needs_text(&self) -> bool {
        self.section.is_some()
    }

    /// Whether the record of its structure is.
    pub fn needs_structure(&self) -> bool {
        let texts = [FetchItem::Envelope, FetchItem::Body, FetchItem::BodyStructure];
        texts.contains(&self.item) || self.section.as_ref().is_some_and(|section| !is_whole(section))
    }

    fn partial(&self) -> Option<Partial> {
        match self.item {
            FetchItem::Section { partial, .. } => partial,
            _ => None,
        }
    }
}

fn is_whole(section: &Section) -> bool {
    section.part.is_empty() && section.what == What::All
}

/// The octets of a message.
enum Text {
    /// Nobody asked for them.
    None,
    /// Here.
    Held(BytesBody),
    /// On the disk.
    Far(Arc<dyn BodyReader>),
}

/// What stands in the place of an item's octets.
enum Octets {
    /// There is no such part.
    Nil,
    /// Chosen fields of the header section that lies here: put together when their turn comes, so that one is in memory.
    Fields(Range<u64>),
    /// A run of the message's own.
    Run(Range<u64>),
}

impl Text {
    fn reader(&self) -> io::Result<&dyn BodyReader> {
        match self {
            Text::None => Err(io::ErrorKind::NotFound.into()),
            Text::Held(body) => Ok(body),
            Text::Far(body) => Ok(&**body),
        }
    }

    async fn read(&self, from: u64, max: u64) -> io::Result<Vec<u8>> {
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(limits::CHUNK);
        let piece = self.reader()?.read(from, max).await?;
        if piece.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(piece) }
    }
}

/// A message whose answer can be written: all that may fail is behind us, but for the rest of a long text.
struct Ready {
    row: MessageRow,
    derived: Option<Vec<u8>>,
    text: Text,
    /// For each item that has octets, in order.
    octets: Vec<Octets>,
}

impl Session {
    /// The answer for one message; the inner error: it cannot be read, and nothing was said of it.
    pub(super) async fn say_message(
        &mut self,
        plan: &Plan,
        message: Fetched,
        shows_flags: bool,
    ) -> Result<Result<(), StoreError>, End> {
        // Somebody who had the number of it is told so by EXPUNGE.
        let Some(number) = self.phase.selected().and_then(|selected| selected.view.number(message.row.uid)) else {
            return Ok(Ok(()));
        };
        let ready = match prepare(&self.imap.store, plan, message).await {
            Ok(ready) => ready,
            Err(StoreError::Missing) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        let mut answer = FetchAnswer::begin(self.conn.output(), number);
        let view = ready.derived.as_deref().and_then(Derived::read);
        let mut octets = ready.octets.into_iter();
        for item in &plan.items {
            match item.section {
                None => self.put_plain(&mut answer, plan.utf8, &item.item, &ready.row, view.as_ref()),
                Some(_) => {
                    let octets = octets.next().unwrap_or(Octets::Nil);
                    self.put_octets(&mut answer, item, octets, &ready.text).await?;
                    self.flush_some().await?;
                }
            }
        }
        let asked = |wanted: FetchItem| plan.items.iter().any(|item| item.item == wanted);
        let flags = shows_flags || asked(FetchItem::Flags);
        if flags && !asked(FetchItem::Flags) {
            self.put_plain(&mut answer, plan.utf8, &FetchItem::Flags, &ready.row, None);
        }
        if flags && plan.modseq && !asked(FetchItem::ModSeq) {
            self.put_plain(&mut answer, plan.utf8, &FetchItem::ModSeq, &ready.row, None);
        }
        answer.end(self.conn.output());
        Ok(Ok(()))
    }

    /// An item that is ready to be sent.
    fn put_plain(
        &mut self,
        answer: &mut FetchAnswer,
        utf8: bool,
        item: &FetchItem,
        row: &MessageRow,
        view: Option<&DerivedView<'_>>,
    ) {
        let Some(selected) = self.phase.selected() else { return };
        let out = self.conn.output();
        match item {
            FetchItem::Uid | FetchItem::Flags | FetchItem::InternalDate | FetchItem::Size | FetchItem::ModSeq => {
                put_row(answer, item, row, out, |answer, out| put_flags(answer, selected, row, out));
            }
            FetchItem::Envelope => answer.ready(out, item, view.map_or(b"NIL", |view| view.envelope(utf8))),
            FetchItem::BodyStructure => answer.ready(out, item, view.map_or(b"NIL", |view| view.body_structure(utf8))),
            FetchItem::Body => answer.ready(out, item, &view.map_or(b"NIL".to_vec(), |view| view.body(utf8))),
            // They have octets.
            FetchItem::Rfc822 | FetchItem::Rfc822Header | FetchItem::Rfc822Text | FetchItem::Section { .. } => {}
        }
    }

    /// A literal, or NIL. A text that breaks off in the middle ends the connection: the client must not take it for whole.
    async fn put_octets(
        &mut self,
        answer: &mut FetchAnswer,
        item: &Item,
        octets: Octets,
        of: &Text,
    ) -> Result<(), End> {
        let out = self.conn.output();
        let run = match octets {
            Octets::Nil => {
                answer.nil(out, &item.item);
                return Ok(());
            }
            Octets::Fields(range) => return self.put_fields(answer, item, range, of).await,
            // RFC 3501 s6.4.5: what begins behind the end is an empty string.
            Octets::Run(run) if run.is_empty() => {
                answer.empty(out, &item.item);
                return Ok(());
            }
            Octets::Run(run) => run,
        };
        answer.literal(out, &item.item, run.end - run.start);
        self.counts.bodies += 1;
        self.counts.body_octets += run.end - run.start;
        match of {
            Text::Held(BytesBody(body)) => {
                // `locate` saw that the run lies within.
                let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(body.len());
                out.extend_from_slice(&body[at(run.start)..at(run.end)]);
                Ok(())
            }
            Text::None | Text::Far(_) => self.stream(run, of).await,
        }
    }

    async fn put_fields(
        &mut self,
        answer: &mut FetchAnswer,
        item: &Item,
        range: Range<u64>,
        of: &Text,
    ) -> Result<(), End> {
        let made = match &item.section {
            Some(section) => fields(section, range, of).await,
            None => Ok(Vec::new()),
        };
        let made = cut(made.map_err(|error| self.breaks_off(&error))?, item.partial());
        self.counts.headers += 1;
        self.counts.header_octets += made.len() as u64;
        let out = self.conn.output();
        answer.literal(out, &item.item, made.len() as u64);
        out.extend_from_slice(&made);
        Ok(())
    }

    fn breaks_off(&self, error: &io::Error) -> End {
        self.failed("FETCH breaks off", &StoreError::Damaged(error.to_string()));
        End::BrokenText
    }

    /// A long text, a piece at a time.
    async fn stream(&mut self, run: Range<u64>, of: &Text) -> Result<(), End> {
        let mut from = run.start;
        while from < run.end {
            self.flush_some().await?;
            match of.read(from, run.end - from).await {
                Ok(piece) => {
                    from += piece.len() as u64;
                    self.conn.put(&piece);
                }
                Err(error) => return Err(self.breaks_off(&error)),
            }
        }
        Ok(())
    }
}

async fn prepare(store: &Store, plan: &Plan, message: Fetched) -> Result<Ready, StoreError> {
    let Fetched { row, derived, body } = message;
    let derived = derived.filter(|record| Derived::read(record).is_some());
    let needs_structure = plan.want.derived && derived.is_none();
    let text = match body {
        Some(body) => Text::Held(BytesBody(body)),
        None if plan.want.bodies || needs_structure => Text::Far(store.body(row.body).await?),
        None => Text::None,
    };
    let derived = match needs_structure {
        true => Some(derive(store, &row, &text).await?),
        false => derived,
    };
    let octets = locate(plan, &row, derived.as_deref(), &text).await.map_err(fault)?;
    Ok(Ready { row, derived, text, octets })
}

/// `index.redb` does not have the record: it is made again, and kept for the next one who asks.
async fn derive(store: &Store, row: &MessageRow, text: &Text) -> Result<Vec<u8>, StoreError> {
    let reader = text.reader().map_err(fault)?;
    let record = mime::derive(reader).await.map_err(fault)?.encode();
    store.put_derived(row.body, record.clone());
    Ok(record)
}

fn fault(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => StoreError::Damaged(error.to_string()),
        io::ErrorKind::NotFound => StoreError::Missing,
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// Where the octets of every item lie. The first octets of a text on the disk are read once, so that a message that cannot
/// be read is told as such and not cut off.
async fn locate(plan: &Plan, row: &MessageRow, derived: Option<&[u8]>, text: &Text) -> io::Result<Vec<Octets>> {
    let mut all = Vec::new();
    for item in &plan.items {
        let Some(section) = &item.section else { continue };
        let partial = item.partial();
        let piece = match derived.and_then(Derived::read) {
            _ if is_whole(section) => Some(Piece::Range(0..row.size)),
            Some(view) => section::locate(&view, section),
            None => None,
        };
        let octets = match piece {
            None => Octets::Nil,
            Some(Piece::Range(range)) => {
                let range = range.start.min(row.size)..range.end.min(row.size);
                Octets::Run(
                    partial.map_or(range.clone(), |p| section::partial(range, p.origin.into(), p.length.into())),
                )
            }
            Some(Piece::Fields(range)) => Octets::Fields(range),
        };
        if let (Octets::Run(run) | Octets::Fields(run), Text::Far(_)) = (&octets, text)
            && !run.is_empty()
        {
            text.read(run.start, 1).await?;
        }
        all.push(octets);
    }
    Ok(all)
}

/// The chosen fields of a header section (at most `limits::HEADER_SECTION` were let in).
async fn fields(section: &Section, range: Range<u64>, text: &Text) -> io::Result<Vec<u8>> {
    let What::Fields { names, not } = &section.what else { return Ok(Vec::new()) };
    let (mut filter, mut out, mut from) = (FieldFilter::new(names, *not), Vec::new(), range.start);
    while from < range.end {
        let piece = text.read(from, range.end - from).await?;
        from += piece.len() as u64;
        filter.feed(&piece, &mut out);
    }
    filter.finish(&mut out);
    Ok(out)
}

fn cut(made: Vec<u8>, partial: Option<Partial>) -> Vec<u8> {
    let Some(Partial { origin, length }) = partial else { return made };
    let run = section::partial(0..made.len() as u64, origin.into(), length.into());
    made.into_iter().skip(run.start as usize).take((run.end - run.start) as usize).collect()
}
