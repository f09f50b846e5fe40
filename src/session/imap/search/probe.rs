//! The texts that a query looks for, each once.

use super::query::Test;
use crate::{
    limits,
    mime::{
        Head,
        search::{Needle, Question, Scope},
    },
    wire::imap::{Field, say, say::Say},
};

/// A text and where it is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    /// What is asked of the message.
    pub question: Question,
    /// The field of the derived record that answers it too.
    pub head: Option<Head>,
}

/// All of a query.
#[derive(Debug, Default)]
pub(super) struct Probes(Vec<Probe>);

impl Probes {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Probe> {
        self.0.iter()
    }

    /// FROM, SUBJECT and their like: a field of the envelope (RFC 3501 s6.4.4).
    pub(super) fn envelope(&mut self, field: Field, text: &str) -> Result<Test, Say<'static>> {
        let (name, head) = match field {
            Field::Bcc => ("bcc", Head::Bcc),
            Field::Cc => ("cc", Head::Cc),
            Field::From => ("from", Head::From),
            Field::Subject => ("subject", Head::Subject),
            Field::To => ("to", Head::To),
        };
        self.field(name, Some(head), text)
    }

    /// HEADER: any field, as it is written. Of addresses the record knows only what ENVELOPE shows of them.
    pub(super) fn header(&mut self, name: &str, text: &str) -> Result<Test, Say<'static>> {
        let name = name.to_ascii_lowercase();
        let head = match name.as_str() {
            "subject" => Some(Head::Subject),
            "date" => Some(Head::Date),
            "message-id" => Some(Head::MessageId),
            "in-reply-to" => Some(Head::InReplyTo),
            _ => None,
        };
        self.field(&name, head, text)
    }

    fn field(&mut self, name: &str, head: Option<Head>, text: &str) -> Result<Test, Say<'static>> {
        // The record does not tell an empty field from none.
        let head = head.filter(|_| !text.is_empty());
        self.add(Probe { question: question(Scope::Field(name.as_bytes().to_vec()), text), head })
    }

    /// BODY. Every message holds the empty text.
    pub(super) fn body(&mut self, text: &str) -> Result<Test, Say<'static>> {
        self.anywhere(Scope::Body, text)
    }

    /// TEXT
    pub(super) fn text(&mut self, text: &str) -> Result<Test, Say<'static>> {
        self.anywhere(Scope::Text, text)
    }

    fn anywhere(&mut self, scope: Scope, text: &str) -> Result<Test, Say<'static>> {
        if text.is_empty() {
            return Ok(Test::Always(true));
        }
        self.add(Probe { question: question(scope, text), head: None })
    }

    fn add(&mut self, probe: Probe) -> Result<Test, Say<'static>> {
        if let Some(number) = self.0.iter().position(|known| *known == probe) {
            return Ok(Test::Text(number));
        }
        if self.0.len() == limits::IMAP_SEARCH_TEXTS {
            return Err(say::TOO_MANY);
        }
        self.0.push(probe);
        Ok(Test::Text(self.0.len() - 1))
    }
}

fn question(scope: Scope, text: &str) -> Question {
    Question { scope, needle: Needle::new(text) }
}
