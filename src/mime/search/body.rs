//! The body of a text part as folded text, block by block, with the end of the block before.

use super::{fold::fold_into, transfer::Transfer};
use crate::mime::{Charset, PartInfo, Stream};

/// A body that comes in pieces.
pub(super) struct BodyText {
    transfer: Transfer,
    charset: Reading,
    /// Octets of the text before that a match may begin in.
    overlap: usize,
    /// The folded text that was looked at last, or the end of it.
    window: String,
    /// Buffers that are used again.
    octets: Vec<u8>,
    text: String,
}

/// Octets by which a charset is guessed, from the first that is no ASCII: always as many, so that the cut of the blocks does
/// not matter.
const ENOUGH: usize = 1024;

/// In which charset the text is read.
enum Reading {
    /// Nobody said. All was ASCII but these, which are not enough yet.
    Unknown(Vec<u8>),
    Known(Stream),
}

impl BodyText {
    /// `longest`: octets of the longest folded text that is looked for.
    pub(super) fn new(part: &PartInfo, longest: usize) -> Self {
        BodyText {
            transfer: Transfer::new(part.encoding),
            charset: part.charset.map_or(Reading::Unknown(Vec::new()), |c| Reading::Known(c.stream())),
            overlap: longest.saturating_sub(1),
            window: String::new(),
            octets: Vec::new(),
            text: String::new(),
        }
    }

    /// Calls `look` with what this piece adds, behind the end of what came before. `last` ends the body.
    pub(super) fn feed(&mut self, piece: &[u8], last: bool, look: &mut dyn FnMut(&str)) {
        self.octets.clear();
        self.transfer.read(piece, last, &mut self.octets);
        self.text.clear();
        self.charset.read(&self.octets, last, &mut self.text);
        let keep = self.window.floor_char_boundary(self.window.len().saturating_sub(self.overlap));
        self.window.drain(..keep);
        fold_into(&self.text, &mut self.window);
        look(&self.window);
    }
}

impl Reading {
    fn read(&mut self, octets: &[u8], last: bool, out: &mut String) {
        match self {
            Reading::Known(stream) => stream.read(octets, last, out),
            Reading::Unknown(held) => {
                let ascii = if held.is_empty() { octets.iter().take_while(|b| b.is_ascii()).count() } else { 0 };
                let (plain, rest) = octets.split_at(ascii);
                out.extend(plain.iter().map(|&b| char::from(b)));
                held.extend_from_slice(rest);
                if held.len() >= ENOUGH || last {
                    let mut stream = Charset::guess_start(&held[..held.len().min(ENOUGH)]).stream();
                    stream.read(held, last, out);
                    *self = Reading::Known(stream);
                }
            }
        }
    }
}
