//! Searching messages for words (RFC 3501 s6.4.4: BODY, TEXT, HEADER and its kin): a message goes through block by block, is
//! decoded as a reader would see it, and asked several questions at once. Memory is bounded by the block that is fed.
//!
//! What is looked at: header fields with their encoded words decoded and raw 8-bit octets guessed; bodies of text parts out of
//! base64 and quoted-printable and out of their charset (guessed where none is declared). HTML is searched as it is written, its
//! tags with it, as Dovecot does without a text index. BODY means the texts and the header sections of messages within the
//! message; TEXT all header sections too. No match reaches from one part or field into the next.
//! Letters are compared by simple case folding (near RFC 5051): Cyrillic and Latin alike, accents and the Russian yo kept apart.

mod body;
mod field;
mod fold;
mod transfer;

use std::ops::Range;

pub use fold::{Needle, fold};

use super::{DerivedView, Head, Kind, Known, PartInfo};
use body::BodyText;
use field::FieldText;

/// Where a text is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In the values of the fields of this name in the message's own header: HEADER, SUBJECT, FROM, ...
    Field(Vec<u8>),
    /// In the body.
    Body,
    /// In the header or the body.
    Text,
}

/// One thing to be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Where.
    pub scope: Scope,
    /// What.
    pub needle: Needle,
}

impl Question {
    /// Whether a body must be read for it: a field needs the header section only.
    pub fn needs_body(&self) -> bool {
        match self.scope {
            Scope::Field(_) => false,
            Scope::Body | Scope::Text => true,
        }
    }

    /// The answer where the record alone has it: the fields of an ENVELOPE. Addresses are compared as `name <local@host>`.
    pub fn known(&self, view: &DerivedView<'_>) -> Option<bool> {
        let Scope::Field(name) = &self.scope else { return None };
        match view.field(Head::named(name)?) {
            Known::Text(text) => Some(self.needle.is_in(&text)),
            // A field that is there and empty has the empty text; one that is not there has none.
            Known::Absent if self.needle.len() > 0 => Some(false),
            Known::Absent | Known::Unknown => None,
        }
    }
}

/// What a stretch of the message is to be read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The header section of the message itself.
    Header,
    /// The header section of a message within it.
    InnerHeader,
    /// The header section of a part.
    PartHeader,
    /// The text of a part.
    Text(PartInfo),
}

/// Octets that are looked at.
#[derive(Debug)]
struct Stretch {
    range: Range<u64>,
    reading: Reading,
}

/// What the current stretch goes through.
enum Reader {
    Field(FieldText),
    Body(BodyText),
}

/// Asks questions of one message.
pub struct Search<'q> {
    questions: &'q [Question],
    answers: Vec<bool>,
    /// In order, none over another.
    plan: Vec<Stretch>,
    /// The stretch that comes next or is being read.
    next: usize,
    reader: Option<Reader>,
    offset: u64,
}

impl<'q> Search<'q> {
    /// Questions about the message that `view` was derived from.
    pub fn new(view: &DerivedView<'_>, questions: &'q [Question]) -> Self {
        // The empty text is in every message, also in one without any text.
        let answers = questions.iter().map(|q| q.needs_body() && q.needle.len() == 0).collect();
        Search { questions, answers, plan: plan(view, questions), next: 0, reader: None, offset: 0 }
    }

    /// The message's next block; the first is its beginning. Blocks behind [`Search::is_over`] need not come.
    pub fn feed(&mut self, block: &[u8]) {
        let mut from = self.offset;
        self.offset += block.len() as u64;
        while let Some(stretch) = self.plan.get(self.next) {
            let (start, end) = (stretch.range.start.max(from), stretch.range.end.min(self.offset));
            if start > end || (start == end && stretch.range.end > end) {
                return;
            }
            let within = |at: u64| usize::try_from(at - (self.offset - block.len() as u64)).unwrap_or(block.len());
            let octets = &block[within(start).min(block.len())..within(end).min(block.len())];
            let (reading, last) = (stretch.reading, end == stretch.range.end);
            self.read(reading, octets, last);
            if !last {
                return;
            }
            (self.next, from) = (self.next + 1, end);
        }
    }

    /// Whether nothing that may still come changes an answer.
    pub fn is_over(&self) -> bool {
        self.next >= self.plan.len() || self.answers.iter().all(|a| *a)
    }

    /// For each question whether it was found.
    pub fn answers(mut self) -> Vec<bool> {
        // The message may be shorter than its record says (damage): what was read counts.
        if let (Some(_), Some(stretch)) = (&self.reader, self.plan.get(self.next)) {
            self.read(stretch.reading, &[], true);
        }
        self.answers
    }

    fn read(&mut self, reading: Reading, octets: &[u8], last: bool) {
        let reader = self.reader.get_or_insert_with(|| match reading {
            Reading::Header | Reading::InnerHeader | Reading::PartHeader => Reader::Field(FieldText::default()),
            Reading::Text(part) => Reader::Body(BodyText::new(&part, longest(self.questions))),
        });
        let (questions, answers) = (self.questions, &mut self.answers);
        match reader {
            Reader::Field(fields) => {
                fields.feed(octets, last, &mut |name, value| ask_field(reading, questions, answers, name, value));
            }
            Reader::Body(text) => text.feed(octets, last, &mut |text| ask_text(questions, answers, text)),
        }
        if last {
            self.reader = None;
        }
    }
}

/// Octets of the longest needle: as many, less one, must be seen again with the next block.
fn longest(questions: &[Question]) -> usize {
    let bodies = questions.iter().filter(|q| q.needs_body());
    bodies.map(|q| q.needle.len()).max().unwrap_or_default()
}

/// `value` is folded; so is `name`.
fn ask_field(reading: Reading, questions: &[Question], answers: &mut [bool], name: &str, value: &str) {
    for (question, answer) in questions.iter().zip(answers).filter(|(_, answer)| !**answer) {
        *answer = match (&question.scope, reading) {
            (Scope::Field(wanted), Reading::Header) => {
                wanted.eq_ignore_ascii_case(name.as_bytes()) && question.needle.is_in_folded(value)
            }
            (Scope::Field(_), _) | (Scope::Body, Reading::Header | Reading::PartHeader) => false,
            (Scope::Body | Scope::Text, _) => question.needle.is_in_folded(&format!("{name}: {value}")),
        };
    }
}

fn ask_text(questions: &[Question], answers: &mut [bool], text: &str) {
    for (question, answer) in questions.iter().zip(answers).filter(|(_, answer)| !**answer) {
        *answer = question.needs_body() && question.needle.is_in_folded(text);
    }
}

fn plan(view: &DerivedView<'_>, questions: &[Question]) -> Vec<Stretch> {
    let body = questions.iter().any(Question::needs_body);
    let text = questions.iter().any(|q| q.scope == Scope::Text);
    let header = text || questions.iter().any(|q| !q.needs_body());
    let mut plan = Vec::new();
    let mut inner = false;
    for (n, part) in view.parts().enumerate() {
        let reading = if n == 0 {
            Some(Reading::Header).filter(|_| header)
        } else if inner {
            Some(Reading::InnerHeader).filter(|_| body)
        } else {
            Some(Reading::PartHeader).filter(|_| text)
        };
        plan.extend(reading.map(|reading| Stretch { range: part.extent.header..part.extent.body, reading }));
        if body && part.kind == Kind::Text {
            plan.push(Stretch { range: part.extent.body..part.extent.end, reading: Reading::Text(part) });
        }
        // The part behind a message is the message within it.
        inner = part.kind == Kind::Message;
    }
    // A record that was damaged may say anything.
    plan.retain(|s| s.range.start < s.range.end);
    plan.sort_by_key(|s| s.range.start);
    let mut end = 0;
    plan.retain(|s| {
        let apart = s.range.start >= end;
        end = end.max(s.range.end);
        apart
    });
    plan
}

#[cfg(test)]
mod tests;
