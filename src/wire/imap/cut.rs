//! Cuts a stream into commands: lines, and the literals between them (RFC 3501 s4.3, 7888).
//!
//! What is longer than its cap is read and thrown away, so that the octets of a literal that waits for nobody are never taken
//! for commands. A `{5+}` at the end of a line is a literal even within quotes, for the same reason. The message of APPEND is
//! not gathered: whoever holds the stream takes its octets, then goes on here.

use super::{Tag, Verb};
use crate::limits;

/// What comes of some octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// More is needed; all that was fed is used.
    Need,
    /// A synchronising literal: say `+`, then feed on.
    Continue,
    /// A command without its last line ending, its literals within, for `Command::parse`.
    Command(Vec<u8>),
    /// The next octets of the stream are a message of APPEND. Take them all and feed on: an [`Cut::Append`] again for the next
    /// message (RFC 3502), or [`Cut::AppendEnd`]. Or refuse: [`Cutter::refuse`].
    Append {
        /// What stands before the message: for `Append::parse` the first time, for `AppendPart::parse` behind a message.
        head: Vec<u8>,
        /// How many octets follow.
        octets: u64,
        /// They come only after a `+`.
        sync: bool,
        /// It stands in `UTF8 (...)` (RFC 6855 s4).
        utf8: bool,
    },
    /// The end of an APPEND. Not clean: something stands behind its last message, and it must not be kept.
    AppendEnd {
        /// Whether nothing did.
        clean: bool,
    },
    /// The end of a command over its cap, whose octets are gone; its tag, if it had one.
    TooLong(Option<Tag>),
    /// The end of an APPEND that was refused.
    Refused,
    /// More than `limits::IMAP_DISCARD` would have to be thrown away: say BYE.
    Hopeless,
}

/// Octets that are used, and what came of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fed {
    /// How many.
    pub used: usize,
    /// What.
    pub cut: Cut,
}

/// The cutter of one connection. It holds nothing between two commands.
#[derive(Debug)]
pub struct Cutter {
    state: State,
    /// What was read of the command.
    raw: Vec<u8>,
    /// Where in `raw` the line began, behind the last literal.
    line: usize,
    most: usize,
    /// Behind a message of APPEND.
    within: Option<Within>,
}

/// Behind a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Within {
    /// A `)` is due: the message stood in `UTF8 (...)`.
    closes: bool,
}

#[derive(Debug)]
enum State {
    Line,
    /// So many octets of a literal are to come.
    Literal(usize),
    /// The command is thrown away; nothing of it is in the other fields.
    Waste(Box<Waste>),
}

/// A command that is thrown away.
#[derive(Debug)]
struct Waste {
    /// What its end is.
    end: Cut,
    /// Octets of a literal that are to go.
    skip: u64,
    /// The end of its line: as much as the head of a literal may be.
    tail: Vec<u8>,
    spent: u64,
}

/// Octets of the longest literal's head, with its line ending: `~{18446744073709551615+}`.
const LITERAL_HEAD: usize = 32;
/// Digits of the largest number of octets.
const DIGITS: usize = 20;

/// A literal's head at the end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Literal {
    /// Where in the line it begins.
    at: usize,
    /// None: more than a number can say.
    octets: Option<u64>,
    sync: bool,
}

impl Default for Cutter {
    fn default() -> Self {
        Cutter { state: State::Line, raw: Vec::new(), line: 0, most: limits::IMAP_LINE, within: None }
    }
}

impl Cutter {
    /// Commands may be as long as `limits::IMAP_COMMAND` from now on.
    pub fn logged_in(&mut self) {
        self.most = limits::IMAP_COMMAND;
    }

    /// Whether nothing of a command was read yet.
    pub fn is_fresh(&self) -> bool {
        matches!(self.state, State::Line) && self.raw.is_empty() && self.within.is_none()
    }

    /// The APPEND whose message was just announced is not taken. `left`: octets of the message that are still to come, 0 when it
    /// waits for a `+` that will not be said. They and the rest of the command go by, if it has a rest.
    ///
    /// True: the command is over. False: feed on until [`Cut::Refused`] or [`Cut::Hopeless`].
    #[must_use]
    pub fn refuse(&mut self, left: u64, sync: bool) -> bool {
        self.forget();
        let over = sync && left == 0;
        if !over {
            self.waste(Cut::Refused, left, b"");
        }
        over
    }

    fn forget(&mut self) {
        (self.state, self.raw, self.line, self.within) = (State::Line, Vec::new(), 0, None);
    }

    /// Takes octets up to the first thing to do.
    pub fn feed(&mut self, input: &[u8]) -> Fed {
        let mut used = 0;
        loop {
            let (took, cut) = self.step(&input[used..]);
            used += took;
            match cut {
                Some(cut) => return Fed { used, cut },
                None if used == input.len() && !self.is_due() => return Fed { used, cut: Cut::Need },
                None => {}
            }
        }
    }

    /// Whether there is something to do without more octets.
    fn is_due(&self) -> bool {
        match &self.state {
            State::Line => false,
            State::Literal(left) => *left == 0,
            State::Waste(waste) => waste.is_hopeless(),
        }
    }

    /// One step: octets used, and what came of them if anything.
    fn step(&mut self, input: &[u8]) -> (usize, Option<Cut>) {
        match &mut self.state {
            State::Line => self.take_line(input),
            State::Literal(left) => {
                let took = input.len().min(*left);
                *left -= took;
                self.raw.extend_from_slice(&input[..took]);
                if *left == 0 {
                    self.state = State::Line;
                    self.line = self.raw.len();
                }
                (took, None)
            }
            State::Waste(waste) => {
                let (took, cut) = waste.feed(input);
                if cut.is_some() {
                    self.forget();
                }
                (took, cut)
            }
        }
    }

    fn take_line(&mut self, input: &[u8]) -> (usize, Option<Cut>) {
        let ends = input.iter().position(|b| *b == b'\n');
        let piece = &input[..ends.map_or(input.len(), |at| at + 1)];
        if self.raw.len() + piece.len() > self.most {
            // Its end may be the head of a literal.
            let (tag, line) = (self.tag(piece), self.raw.split_off(self.line));
            self.waste(Cut::TooLong(tag), 0, &line);
            return (0, None);
        }
        self.raw.extend_from_slice(piece);
        (piece.len(), ends.and_then(|_| self.line_ended()))
    }

    fn line_ended(&mut self) -> Option<Cut> {
        // Only the line: a CR before it is the last octet of a literal (found by fuzzing).
        let end = self.line + without_ending(&self.raw[self.line..]).len();
        let Some(literal) = literal(&self.raw[self.line..end]) else {
            self.raw.truncate(end);
            let raw = std::mem::take(&mut self.raw);
            let within = self.within.take();
            self.forget();
            return Some(match within {
                Some(within) => Cut::AppendEnd { clean: within.rest(&raw).trim_ascii().is_empty() },
                None => Cut::Command(raw),
            });
        };
        let head = &self.raw[..self.line + literal.at];
        if self.within.is_some() || is_message(head) {
            return self.message(literal);
        }
        match literal
            .octets
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| self.raw.len().saturating_add(*n) <= self.most)
        {
            Some(octets) => {
                self.state = State::Literal(octets);
                literal.sync.then_some(Cut::Continue)
            }
            None => {
                let end = Cut::TooLong(self.tag(b""));
                if literal.sync {
                    self.forget();
                    return Some(end);
                }
                self.waste(end, literal.octets.unwrap_or(u64::MAX), b"");
                None
            }
        }
    }

    /// The literal is a message.
    fn message(&mut self, literal: Literal) -> Option<Cut> {
        // RFC 9051 s9 number64: 63 bits.
        let Some(octets) = literal.octets.filter(|n| i64::try_from(*n).is_ok()) else {
            self.forget();
            return Some(Cut::Hopeless);
        };
        let head = &self.raw[..self.line + literal.at];
        let head = self.within.map_or(head, |within| within.rest(head));
        let opened = utf8_opened(head);
        let (head, utf8) = (opened.unwrap_or(head).to_vec(), opened.is_some());
        self.forget();
        self.within = Some(Within { closes: utf8 });
        Some(Cut::Append { head, octets, sync: literal.sync, utf8 })
    }

    /// Throws the command away, with so many octets of a literal; `line` is what was read of its line.
    fn waste(&mut self, end: Cut, skip: u64, line: &[u8]) {
        self.forget();
        let mut waste = Box::new(Waste { end, skip, tail: Vec::new(), spent: skip });
        waste.remember(line);
        self.state = State::Waste(waste);
    }

    /// The tag of the command; `more` stands behind what was read.
    fn tag(&self, more: &[u8]) -> Option<Tag> {
        let octets = self.raw.iter().chain(more).take(limits::IMAP_TAG + 1);
        let tag: Vec<u8> = octets.copied().take_while(|b| *b != b' ').collect();
        Tag::parse(&tag)
    }
}

impl Within {
    /// What stands behind the parenthesis that is due.
    fn rest(self, line: &[u8]) -> &[u8] {
        line.strip_prefix(b")").filter(|_| self.closes).unwrap_or(line)
    }
}

impl Waste {
    fn is_hopeless(&self) -> bool {
        self.spent > limits::IMAP_DISCARD
    }

    fn feed(&mut self, input: &[u8]) -> (usize, Option<Cut>) {
        if self.is_hopeless() {
            return (0, Some(Cut::Hopeless));
        }
        if self.skip > 0 {
            let took = usize::try_from(self.skip).map_or(input.len(), |skip| skip.min(input.len()));
            self.skip -= took as u64;
            return (took, None);
        }
        let ends = input.iter().position(|b| *b == b'\n');
        let took = ends.map_or(input.len(), |at| at + 1);
        self.remember(&input[..took]);
        self.spent = self.spent.saturating_add(took as u64);
        if ends.is_none() {
            return (took, None);
        }
        match literal(without_ending(&self.tail)) {
            Some(Literal { octets, sync: false, .. }) => {
                self.tail.clear();
                self.skip = octets.unwrap_or(u64::MAX);
                self.spent = self.spent.saturating_add(self.skip);
                (took, None)
            }
            // A client that waits for a `+` hears its answer instead, and says no more of this command.
            Some(Literal { sync: true, .. }) | None => (took, Some(self.end.clone())),
        }
    }

    /// Keeps the end of the line.
    fn remember(&mut self, piece: &[u8]) {
        self.tail.extend_from_slice(&piece[piece.len().saturating_sub(LITERAL_HEAD)..]);
        self.tail.drain(..self.tail.len().saturating_sub(LITERAL_HEAD));
    }
}

/// A line may end with a bare LF.
fn without_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The literal's head at the end of a line: `{5}`, `{5+}`, and `{5-}`, which nobody says any more.
fn literal(line: &[u8]) -> Option<Literal> {
    let inner = line.strip_suffix(b"}")?;
    let (inner, sync) = inner.strip_suffix(b"+").map_or((inner, true), |inner| (inner, false));
    let digits = inner.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 || digits > DIGITS {
        return None;
    }
    let (before, number) = inner.split_at(inner.len() - digits);
    let before = before.strip_suffix(b"{")?;
    let octets = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok());
    Some(Literal { at: before.len(), octets, sync })
}

/// Whether a literal behind this is the message of APPEND and not the name of its folder.
fn is_message(head: &[u8]) -> bool {
    let mut words = head.splitn(2, |b| *b == b' ');
    let rest = words.nth(1).unwrap_or_default().trim_ascii_start();
    let name = Verb::Append.name().as_bytes();
    let Some((verb, rest)) = rest.split_at_checked(name.len()) else { return false };
    verb.eq_ignore_ascii_case(name) && rest.starts_with(b" ") && !rest.trim_ascii().is_empty()
}

/// What stands before `UTF8 (~` or `UTF8 (`.
fn utf8_opened(head: &[u8]) -> Option<&[u8]> {
    let head = head.strip_suffix(b"~").unwrap_or(head);
    let head = head.strip_suffix(b"(")?.trim_ascii_end();
    let (before, word) = head.split_at_checked(head.len().checked_sub(4)?)?;
    (word.eq_ignore_ascii_case(b"UTF8") && before.ends_with(b" ")).then_some(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that comes of a stream in pieces of `size`; messages of APPEND are taken, or refused.
    fn cuts(stream: &[u8], size: usize, take: bool) -> Vec<Cut> {
        let (mut cutter, mut cuts, mut message) = (Cutter::default(), Vec::new(), 0usize);
        cutter.logged_in();
        for mut piece in stream.chunks(size) {
            loop {
                let skip = message.min(piece.len());
                message -= skip;
                piece = &piece[skip..];
                if message > 0 {
                    break;
                }
                let fed = cutter.feed(piece);
                piece = &piece[fed.used..];
                match fed.cut {
                    Cut::Need => break,
                    Cut::Append { octets, sync, .. } if !take => {
                        let left = if sync { 0 } else { octets };
                        cuts.extend(cutter.refuse(left, sync).then_some(Cut::Refused));
                    }
                    cut => {
                        if let Cut::Append { octets, .. } = &cut {
                            message = usize::try_from(*octets).unwrap();
                        }
                        cuts.push(cut);
                    }
                }
            }
        }
        cuts
    }

    fn all(stream: &str) -> Vec<Cut> {
        let whole = cuts(stream.as_bytes(), usize::MAX, true);
        for size in [1, 2, 3, 7] {
            assert_eq!(cuts(stream.as_bytes(), size, true), whole, "{stream} in pieces of {size}");
        }
        whole
    }

    fn command(raw: &str) -> Cut {
        Cut::Command(raw.into())
    }

    fn append(head: &str, octets: u64, sync: bool, utf8: bool) -> Cut {
        Cut::Append { head: head.into(), octets, sync, utf8 }
    }

    fn too_long(tag: &str) -> Cut {
        Cut::TooLong(Tag::parse(tag.as_bytes()))
    }

    #[test]
    fn lines_are_commands() {
        assert_eq!(all("a NOOP\r\nb NOOP\n\r\nc"), [command("a NOOP"), command("b NOOP"), command("")]);
    }

    #[test]
    fn literals_stay_in_their_command() {
        let stream = "a LOGIN {3}\r\nann {6+}\r\nse\r\nt} \r\nb NOOP\r\n";
        assert_eq!(all(stream), [Cut::Continue, command("a LOGIN {3}\r\nann {6+}\r\nse\r\nt} "), command("b NOOP")]);
        assert_eq!(all("a X {0}\r\n{0+}\r\n\r\n"), [Cut::Continue, command("a X {0}\r\n{0+}\r\n")]);
        // What looks like a literal within one is its text.
        assert_eq!(all("a X {3+}\r\n{5}\r\nb NOOP\r\n"), [command("a X {3+}\r\n{5}"), command("b NOOP")]);
        assert_eq!(all("a X {x}\r\nb X 5}\r\nc X {}\r\n"), [command("a X {x}"), command("b X 5}"), command("c X {}")]);
        // A CR at the end of a literal is its own, though the line behind it ends with a bare LF.
        assert_eq!(all("a X {2+}\r\nx\r\nb NOOP\r\n"), [command("a X {2+}\r\nx\r"), command("b NOOP")]);
        // Within quotes, too: its text might be a command.
        assert_eq!(all("a X \"{8+}\r\nb NOOP\r\n\r\n"), [command("a X \"{8+}\r\nb NOOP\r\n")]);
    }

    #[test]
    fn the_message_of_append_is_left_to_others() {
        let stream = "a append INBOX (\\Seen) {5}\r\n{9+}\r\r\nb NOOP\r\n";
        assert_eq!(
            all(stream),
            [append("a append INBOX (\\Seen) ", 5, true, false), Cut::AppendEnd { clean: true }, command("b NOOP")]
        );
        let literal_name = "a APPEND {5+}\r\nINBOX{2+}\r\nxx\r\n";
        assert_eq!(
            all(literal_name),
            [append("a APPEND {5+}\r\nINBOX", 2, false, false), Cut::AppendEnd { clean: true }]
        );
        assert_eq!(all("a APPEND INBOX\r\n"), [command("a APPEND INBOX")]);
        assert_eq!(all("a APPENDIX x {1+}\r\ny\r\n"), [command("a APPENDIX x {1+}\r\ny")]);
    }

    #[test]
    fn several_messages_in_one_append() {
        let stream = "a APPEND x {1+}\r\n1 (\\Seen) {2}\r\n22 UTF8 (~{3+}\r\n333) {4+}\r\n4444 rest\r\n";
        assert_eq!(
            all(stream),
            [
                append("a APPEND x ", 1, false, false),
                append(" (\\Seen) ", 2, true, false),
                append(" ", 3, false, true),
                append(" ", 4, false, false),
                Cut::AppendEnd { clean: false },
            ]
        );
        let utf8 = "a APPEND x utf8 (~{1+}\r\n1)\r\n";
        assert_eq!(all(utf8), [append("a APPEND x ", 1, false, true), Cut::AppendEnd { clean: true }]);
    }

    #[test]
    fn a_refused_append_goes_by() {
        let stream = "a APPEND x {12+}\r\nb DELETE x\r\n (\\Seen) {12+}\r\nb DELETE y\r\n\r\nc NOOP\r\n";
        for size in [1, 5, 1000] {
            assert_eq!(cuts(stream.as_bytes(), size, false), [Cut::Refused, command("c NOOP")], "{size}");
        }
        assert_eq!(cuts(b"a APPEND x {13}\r\nc NOOP\r\n", 1000, false), [Cut::Refused, command("c NOOP")]);
    }

    #[test]
    fn what_is_too_long_is_thrown_away_and_never_a_command() {
        let most = limits::IMAP_COMMAND;
        let line = format!("a {}\r\nb NOOP\r\n", "x".repeat(most));
        assert_eq!(all(&line), [too_long("a"), command("b NOOP")]);
        let literal =
            format!("a X {{{most}+}}\r\n{} {{8+}}\r\nc NOOP\r\n\r\nb NOOP\r\n", "d NOOP\r\n".repeat(most / 8));
        assert_eq!(all(&literal), [too_long("a"), command("b NOOP")]);
        // The client waits and hears no.
        assert_eq!(all(&format!("a X {{{most}}}\r\nb NOOP\r\n")), [too_long("a"), command("b NOOP")]);
        let sum = format!("a {}{{8+}}\r\nc NOOP\r\n{{5}}\r\nb NOOP\r\n", "x".repeat(most - 10));
        assert_eq!(all(&sum), [too_long("a"), command("b NOOP")]);
        // The head of a literal lies across the cap.
        for room in 0..12 {
            let across = format!("a {}{{8+}}\r\nc NOOP\r\n\r\nb NOOP\r\n", "x".repeat(most - 2 - room));
            assert_eq!(all(&across), [too_long("a"), command("b NOOP")], "{room}");
        }
        assert_eq!(all(&format!("{}\r\nb NOOP\r\n", "x".repeat(most))), [Cut::TooLong(None), command("b NOOP")]);
    }

    #[test]
    fn before_the_login_less_is_taken() {
        let mut cutter = Cutter::default();
        let line = format!("a {}\r\n", "x".repeat(limits::IMAP_LINE - 3));
        assert_eq!(cutter.feed(line.as_bytes()).cut, too_long("a"));
        assert!(cutter.is_fresh());
        assert!(matches!(cutter.feed(&line.as_bytes()[1..]).cut, Cut::Command(_)));
    }

    #[test]
    fn what_has_no_end_is_hopeless() {
        for announced in ["999999999999", "18446744073709551615", "99999999999999999999"] {
            assert_eq!(all(&format!("a X {{{announced}+}}\r\n"))[0], Cut::Hopeless, "{announced}");
            assert_eq!(all(&format!("a X {{{announced}}}\r\n"))[0], too_long("a"), "{announced}");
        }
        assert_eq!(all("a APPEND x {99999999999999999999+}\r\n")[0], Cut::Hopeless);
        let refused = format!("a APPEND x {{{}+}}\r\nb DELETE y\r\n", limits::IMAP_DISCARD + 1);
        assert_eq!(cuts(refused.as_bytes(), usize::MAX, false)[0], Cut::Hopeless);
        let mut cutter = Cutter::default();
        let piece = vec![b'x'; 1 << 20];
        let pieces = (0..300).find(|_| cutter.feed(&piece).cut == Cut::Hopeless);
        assert_eq!(pieces, Some(256));
    }
}
