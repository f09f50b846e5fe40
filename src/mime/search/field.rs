//! A header section as text: field by field, decoded and folded.

use super::fold::fold;
use crate::{
    limits::MIME_FIELD,
    mime::{Field, words},
};

/// Gathers a section that comes in pieces. Holds one field.
#[derive(Default)]
pub(super) struct FieldText {
    /// The field so far.
    field: Vec<u8>,
    /// Where the line begins that is being read.
    line: usize,
    over: bool,
}

impl FieldText {
    /// Calls `each` with the folded name and value of every field that is whole; a longer one than `limits::MIME_FIELD` comes
    /// in several, with the same name. `last` ends the section.
    pub(super) fn feed(&mut self, piece: &[u8], last: bool, each: &mut dyn FnMut(&str, &str)) {
        let mut rest = piece;
        while !rest.is_empty() && !self.over {
            let end = rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |at| at + 1);
            let (line, more) = rest.split_at(end);
            self.line(line, each);
            rest = more;
        }
        if last && !self.over {
            self.done(each);
        }
    }

    /// A line or a piece of one.
    fn line(&mut self, line: &[u8], each: &mut dyn FnMut(&str, &str)) {
        let start = self.line == self.field.len();
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        if start && !folded && !self.field.is_empty() {
            self.done(each);
        }
        self.field.extend_from_slice(line);
        if matches!(&self.field[self.line..], b"\r\n" | b"\n") {
            self.field.truncate(self.line);
            self.done(each);
            self.over = true;
        } else if line.ends_with(b"\n") {
            self.line = self.field.len();
        }
        if self.field.len() > MIME_FIELD {
            self.part(each);
        }
    }

    /// The field is whole.
    fn done(&mut self, each: &mut dyn FnMut(&str, &str)) {
        self.tell(each);
        self.field.clear();
        self.line = 0;
    }

    /// The field is too long to be held: what there is of it counts as one, and the next begins with the same name and with the
    /// last words of this one, so that a match may reach over the cut.
    fn part(&mut self, each: &mut dyn FnMut(&str, &str)) {
        self.tell(each);
        let at_end = self.line == self.field.len();
        let mut again = Field::of(&self.field).name.to_vec();
        again.truncate(MIME_FIELD / 4);
        if !again.is_empty() {
            again.extend_from_slice(b": ");
        }
        again.extend_from_slice(&self.field[self.field.len() - MIME_FIELD / 4..]);
        self.field = again;
        self.line = if at_end { self.field.len() } else { 0 };
    }

    fn tell(&self, each: &mut dyn FnMut(&str, &str)) {
        let field = Field::of(&self.field);
        if !field.name.is_empty() {
            each(&String::from_utf8_lossy(field.name).to_ascii_lowercase(), &fold(&words::decode(field.value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &[u8], size: usize) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut each = |name: &str, value: &str| found.push((name.to_owned(), value.to_owned()));
        let mut text = FieldText::default();
        section.chunks(size).for_each(|piece| text.feed(piece, false, &mut each));
        text.feed(b"", true, &mut each);
        found
    }

    #[test]
    fn fields_are_decoded_however_they_come() {
        let section = "Subject: =?koi8-r?B?8NLJ18XU?=\r\n =?utf-8?Q?_ALL?=\r\nnonsense\r\nTO:\r\n x\r\n\r\nBcc: no\r\n"
            .as_bytes();
        let want = [("subject".to_owned(), "привет all".to_owned()), ("to".to_owned(), "x".to_owned())];
        for size in 1..section.len() {
            assert_eq!(read(section, size), want, "pieces of {size}");
        }
        assert_eq!(read(b"Subject: \xf0\xd2\xc9\xd7\xc5\xd4", 3), [("subject".into(), "привет".into())]);
    }

    #[test]
    fn an_endless_field_is_not_held_and_a_word_on_a_cut_is_found() {
        for before in 0..40 {
            let section = format!(
                "X: {}\r\n y needle\r\n {}\r\nTo: x\r\n\r\n",
                "a".repeat(MIME_FIELD - 30 + before),
                "b ".repeat(MIME_FIELD)
            );
            let found = read(section.as_bytes(), 100);
            assert!(found.iter().any(|(name, value)| name == "x" && value.contains("y needle")), "{before}");
            assert_eq!(found.last().map(|(name, _)| name.as_str()), Some("to"));
            assert!(found.iter().all(|(_, value)| value.len() < 2 * MIME_FIELD));
        }
    }
}
