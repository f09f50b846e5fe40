//! One message against the query, on a reader thread of the store.

use std::io;

use super::query::{Facts, Query};
use crate::{
    limits::IMAP_SEARCH_TEXTS,
    mime::{
        self, Derived, DerivedView, Scanner,
        search::{self, Question},
    },
    store::{Blocks, Sieve, Want},
    types::MessageRow,
};

/// Lets through what the query looks for.
pub(super) struct Strainer {
    query: Query,
    /// Questions about header fields, each with the number of its probe.
    fields: (Vec<usize>, Vec<Question>),
    /// Those that need the body.
    bodies: (Vec<usize>, Vec<Question>),
}

impl Strainer {
    pub fn new(query: Query) -> Self {
        let questions = query.probes.iter().map(|probe| probe.question.clone()).enumerate();
        let (bodies, fields): (Vec<_>, Vec<_>) = questions.partition(|(_, question)| question.needs_body());
        Strainer { query, fields: fields.into_iter().unzip(), bodies: bodies.into_iter().unzip() }
    }

    /// Some as soon as it is decided.
    fn by_record(&self, facts: &mut Learned, row: &MessageRow, view: &DerivedView<'_>) -> Option<bool> {
        facts.sent = Some(view.sent_date());
        for (number, probe) in self.query.probes.iter().enumerate() {
            facts.found[number] = match probe.head.map(|head| view.field(head)) {
                Some(mime::Known::Text(text)) => Some(probe.question.needle.is_in(&text)),
                Some(mime::Known::Absent) => Some(false),
                Some(mime::Known::Unknown) | None => None,
            };
        }
        self.truth(facts, row)
    }

    fn truth(&self, facts: &Learned, row: &MessageRow) -> Option<bool> {
        self.query.test.truth(&Facts { row, sent: facts.sent, found: &facts.found })
    }
}

impl Sieve for Strainer {
    fn wants(&self) -> Want {
        Want { derived: !self.query.needs_rows_only(), bodies: !self.query.probes.is_empty() }
    }

    fn takes(&self, row: &MessageRow, derived: Option<&[u8]>, body: &mut dyn Blocks) -> io::Result<bool> {
        let mut facts = Learned { sent: None, found: [None; IMAP_SEARCH_TEXTS] };
        if let Some(answer) = self.truth(&facts, row) {
            return Ok(answer);
        }
        let made;
        let view = match derived.and_then(Derived::read) {
            Some(view) => view,
            None => {
                made = derive(body)?;
                // What was just written can be read.
                Derived::read(made.as_bytes()).ok_or(io::ErrorKind::InvalidData)?
            }
        };
        if let Some(answer) = self.by_record(&mut facts, row, &view) {
            return Ok(answer);
        }
        for (numbers, questions) in [&self.fields, &self.bodies] {
            if questions.is_empty() || numbers.iter().all(|number| facts.found[*number].is_some()) {
                continue;
            }
            let answers = ask(&view, questions, body)?;
            numbers.iter().zip(answers).for_each(|(number, answer)| facts.found[*number] = Some(answer));
            if let Some(answer) = self.truth(&facts, row) {
                return Ok(answer);
            }
        }
        // Every probe has its answer now, so that the test has one too.
        Ok(false)
    }
}

/// What is known of one message beside its row.
struct Learned {
    sent: Option<Option<mime::Day>>,
    /// By number of the probe. A place for each that there may be, since this is made for every message.
    found: [Option<bool>; IMAP_SEARCH_TEXTS],
}

/// A message that has no record yet.
fn derive(body: &mut dyn Blocks) -> io::Result<Derived> {
    body.rewind();
    let mut scanner = Scanner::default();
    while let Some(block) = body.next()? {
        scanner.feed(&block);
    }
    Ok(Derived::of(&scanner.finish()))
}

fn ask(view: &DerivedView<'_>, questions: &[Question], body: &mut dyn Blocks) -> io::Result<Vec<bool>> {
    body.rewind();
    let mut search = search::Search::new(view, questions);
    while !search.is_over() {
        let Some(block) = body.next()? else { break };
        search.feed(&block);
    }
    Ok(search.answers())
}
