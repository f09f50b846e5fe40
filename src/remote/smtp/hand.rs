//! One message over one session: the envelope, the text, and what became of each recipient.
//!
//! Until the final dot nothing is delivered, and whatever breaks may be tried elsewhere. Behind it an answer that does not come
//! leaves it open whether the message was taken: it is sent again later, maybe a second time (RFC 5321 s6.1), never at once.

use std::io;

use super::{
    Job, Rcpt, Step, Verdict,
    session::{Broken, Session, Why},
    text::{self, Text},
};
use crate::{
    limits,
    remote::Who,
    types::{Answer, Terms, Wishes},
    wire::smtp::{BodyKind, Command, Dots, Heard, MailParams, Recipient},
};

/// What one transaction brought.
pub(super) struct Handed {
    /// Recipients, by their place in the job, whose fate is known.
    pub done: Vec<(usize, Verdict)>,
    /// Those that come next.
    pub left: Vec<usize>,
    /// This server takes nothing more now, and why: what is left may be tried elsewhere.
    pub spent: Option<Answer>,
}

/// Hands a message over for some of its recipients (one or more).
pub(super) async fn hand(session: &mut Session, job: &Job, rcpts: &[usize]) -> Handed {
    let mut turn = Turn { session, job, asked: rcpts, taken: Vec::new(), done: Vec::new(), left: Vec::new() };
    let spent = match turn.run().await {
        Ok(()) => None,
        Err(Elsewhere(answer)) => Some(answer),
    };
    let Turn { done, mut left, .. } = turn;
    if spent.is_some() {
        left = rcpts.iter().copied().filter(|n| !done.iter().any(|(d, _)| d == n)).collect();
    }
    Handed { done, left, spent }
}

/// Nothing was delivered to those that have no verdict yet.
struct Elsewhere(Answer);

struct Turn<'a> {
    session: &'a mut Session,
    job: &'a Job,
    asked: &'a [usize],
    /// Recipients that the server took.
    taken: Vec<usize>,
    done: Vec<(usize, Verdict)>,
    left: Vec<usize>,
}

/// How the sending of the text ended.
enum Sent {
    /// All of it; the answers come now.
    Whole,
    /// The server refused it on the way.
    Refused(Heard),
    /// It cannot be read from our disk.
    Unreadable(io::Error),
}

impl Turn<'_> {
    async fn run(&mut self) -> Result<(), Elsewhere> {
        let size = text::size(self.job);
        if let Some(most) = self.session.offered.size.filter(|most| *most > 0 && size > *most) {
            let text = format!("message size {size} exceeds size limit {most} of server {}", self.session.peer);
            self.never_all(&self.session.answer_of(0, "5.3.4", &text));
            return Ok(());
        }
        let Some(utf8) = self.utf8().await else { return Ok(()) };
        let chunks = self.session.offered.chunking && !self.session.lmtp;
        if self.envelope(chunks, size, utf8).await? {
            let sent = if chunks { self.chunks().await } else { self.dotted().await }?;
            self.judge(sent).await;
        }
        Ok(())
    }

    /// Whether SMTPUTF8 is said; None: it must be, and is not offered.
    async fn utf8(&mut self) -> Option<bool> {
        let is_ascii = |rcpt: &Rcpt| rcpt.to.local.is_ascii();
        let from = self.job.from.address().is_none_or(|from| from.local.is_ascii());
        let names = from && self.asked.iter().filter_map(|n| self.job.rcpts.get(*n)).all(is_ascii);
        if self.session.offered.utf8 || names && !self.job.terms.utf8 {
            return Some(self.session.offered.utf8 && (!names || self.job.terms.utf8));
        }
        // What asks for it by habit may not need it.
        if names && text::has_ascii_head(self.job).await.unwrap_or(false) {
            return Some(false);
        }
        let text = format!("SMTPUTF8 is required, but was not offered by host {}", self.session.peer);
        // RFC 6531 s4.4: of addresses, or of the header section.
        self.never_all(&self.session.answer_of(0, if names { "5.6.9" } else { "5.6.7" }, &text));
        None
    }

    fn never_all(&mut self, answer: &Answer) {
        self.done.extend(self.asked.iter().map(|n| (*n, Verdict::Never(answer.clone()))));
    }

    /// MAIL, RCPT, DATA: one after another, or in one group (RFC 2920). Whether the text comes next.
    async fn envelope(&mut self, chunks: bool, size: u64, utf8: bool) -> Result<bool, Elsewhere> {
        let grouped = self.session.offered.pipelining;
        let mail = self.mail(size, utf8);
        let reset = std::mem::replace(&mut self.session.open, true);
        self.session.in_turn(Step::Mail).map_err(|b| self.elsewhere(&b))?;
        if reset {
            self.session.say(&Command::Rset);
        }
        if grouped {
            self.session.say(&mail);
            self.asked.iter().for_each(|n| say_rcpt(self.session, self.job, *n));
            if !chunks {
                self.session.say(&Command::Data);
            }
        }
        if reset {
            self.hear(Step::Reset).await?;
        }
        if !grouped {
            self.session.say(&mail);
        }
        let mail = self.hear(Step::Mail).await?;
        let good = self.is_yes(Step::Mail, &mail)?;
        if good || grouped {
            self.recipients(grouped, good).await?;
        }
        let data = self.data(chunks, grouped).await?;
        if !good {
            return self.refused(&mail, data).await.map(|()| false);
        }
        match data {
            None => Ok(chunks && !self.taken.is_empty()),
            Some(heard) => self.may_send(heard).await,
        }
    }

    /// What the sender asked for goes on where the server knows DSN (RFC 3461 s5.2.1).
    fn mail(&self, size: u64, utf8: bool) -> Command {
        let offered = &self.session.offered;
        let asked = if offered.dsn { self.job.terms.clone() } else { Terms::default() };
        let params = MailParams {
            size: offered.size.map(|_| size),
            body: offered.eight_bit.then_some(BodyKind::EightBit),
            terms: Terms { utf8, ..asked },
        };
        Command::Mail { from: self.job.from.clone(), params }
    }

    async fn recipients(&mut self, grouped: bool, good: bool) -> Result<(), Elsewhere> {
        for n in self.asked {
            if !grouped {
                self.session.in_turn(Step::Rcpt).map_err(|b| self.elsewhere(&b))?;
                say_rcpt(self.session, self.job, *n);
            }
            let heard = self.hear(Step::Rcpt).await?;
            if good {
                self.recipient(*n, &heard)?;
            }
        }
        Ok(())
    }

    /// RFC 5321 s4.5.3.1.10: a server that takes no more recipients of one message takes them with the next; 552 means 452 there.
    fn recipient(&mut self, n: usize, heard: &Heard) -> Result<(), Elsewhere> {
        let too_many = matches!(heard.code, 452 | 552) && (heard.status.is_empty() || heard.status.ends_with(".5.3"));
        match heard.code {
            200..300 => self.taken.push(n),
            452 | 552 if too_many && !self.taken.is_empty() => self.left.push(n),
            421 => return Err(Elsewhere(self.session.answer(heard))),
            400..600 => {
                let verdict = self.verdict(heard);
                self.done.push((n, verdict));
            }
            _ => return Err(self.garbage(Step::Rcpt, heard)),
        }
        Ok(())
    }

    async fn data(&mut self, chunks: bool, grouped: bool) -> Result<Option<Heard>, Elsewhere> {
        if chunks || !grouped && self.taken.is_empty() {
            return Ok(None);
        }
        if !grouped {
            self.session.in_turn(Step::Data).map_err(|b| self.elsewhere(&b))?;
            self.session.say(&Command::Data);
        }
        self.hear(Step::Data).await.map(Some)
    }

    /// MAIL was refused: for good, or by this server for now.
    async fn refused(&mut self, mail: &Heard, data: Option<Heard>) -> Result<(), Elsewhere> {
        if data.is_some_and(|heard| heard.code == 354) {
            self.empty().await?;
        }
        let answer = self.session.answer(mail);
        // TLS failed before, or is not offered to us: the mail is not at fault.
        let wants_tls = mail.code == 530 && mail.words().to_ascii_uppercase().contains("STARTTLS");
        if mail.code < 500 || wants_tls {
            return Err(Elsewhere(answer));
        }
        self.never_all(&answer);
        Ok(())
    }

    async fn may_send(&mut self, data: Heard) -> Result<bool, Elsewhere> {
        match data.code {
            354 if self.taken.is_empty() => self.empty().await.map(|()| false),
            354 => Ok(true),
            400..500 if !self.taken.is_empty() => Err(Elsewhere(self.session.answer(&data))),
            400..600 => {
                let verdict = self.verdict(&data);
                self.done.extend(self.taken.drain(..).map(|n| (n, verdict.clone())));
                Ok(false)
            }
            _ => Err(self.garbage(Step::Data, &data)),
        }
    }

    /// A server said 354 for a message without recipients (RFC 2920 s3.1): it gets an empty one, and its answer counts nothing.
    async fn empty(&mut self) -> Result<(), Elsewhere> {
        self.session.say_line(".");
        self.hear(Step::End).await.map(drop)
    }

    /// Behind DATA.
    async fn dotted(&mut self) -> Result<Sent, Elsewhere> {
        let (mut text, mut dots, mut octets) = (Text::of(self.job), Dots::default(), 0);
        loop {
            match text.next().await {
                Ok(Some(piece)) => {
                    octets += piece.len();
                    dots.feed(&piece, self.session.conn.output());
                    if let Some(heard) = self.flush().await? {
                        return Ok(Sent::Refused(heard));
                    }
                }
                Ok(None) => break,
                Err(error) => return Ok(Sent::Unreadable(error)),
            }
        }
        dots.finish(self.session.conn.output());
        self.session.tape.say(Who::We, &format!("({octets} octets of the message, then the dot)"));
        Ok(Sent::Whole)
    }

    /// Behind BDAT (RFC 3030): some chunks may be on their way while the answers of earlier ones come.
    async fn chunks(&mut self) -> Result<Sent, Elsewhere> {
        let window = if self.session.offered.pipelining { limits::SEND_CHUNKS } else { 1 };
        let (mut text, mut waiting) = (Text::of(self.job), 0);
        let mut next = text.next().await;
        loop {
            let piece = match next {
                Ok(piece) => piece.unwrap_or_default(),
                Err(error) => return Ok(Sent::Unreadable(error)),
            };
            next = text.next().await;
            let last = matches!(next, Ok(None));
            self.session.say(&Command::Bdat { octets: piece.len() as u64, last });
            self.session.conn.put(&piece);
            if let Some(heard) = self.flush().await? {
                return Ok(Sent::Refused(heard));
            }
            if last {
                break;
            }
            waiting += 1;
            if waiting >= window {
                if let Some(refusal) = self.chunk_answer(waiting).await? {
                    return Ok(Sent::Refused(refusal));
                }
                waiting -= 1;
            }
        }
        while waiting > 0 {
            if let Some(refusal) = self.chunk_answer(waiting + 1).await? {
                return Ok(Sent::Refused(refusal));
            }
            waiting -= 1;
        }
        Ok(Sent::Whole)
    }

    /// The answer to a chunk that is not the last. After a refusal the others that are under way are heard and count nothing.
    async fn chunk_answer(&mut self, waiting: usize) -> Result<Option<Heard>, Elsewhere> {
        let heard = self.hear(Step::Text).await?;
        if self.is_yes(Step::Text, &heard)? {
            return Ok(None);
        }
        for _ in 1..waiting {
            if self.session.over || self.hear(Step::Text).await.is_err() {
                break;
            }
        }
        Ok(Some(heard))
    }

    /// Sends a piece. A server that will not take it may say why.
    async fn flush(&mut self) -> Result<Option<Heard>, Elsewhere> {
        match self.session.conn.flush(self.session.means.patience.piece).await {
            Ok(()) => Ok(None),
            Err(error) => {
                let heard = self.session.last_words(Step::Text, Why::from(error)).await;
                heard.map(Some).map_err(|b| self.elsewhere(&b))
            }
        }
    }

    /// Gives those that were taken their verdicts.
    async fn judge(&mut self, sent: Sent) {
        match sent {
            Sent::Whole => self.answers().await,
            Sent::Refused(heard) => {
                let verdict = self.verdict(&heard);
                self.done.extend(self.taken.drain(..).map(|n| (n, verdict.clone())));
            }
            Sent::Unreadable(error) => {
                // Without its end the server throws it away.
                self.session.over = true;
                let text = format!("the message cannot be read from our disk: {error}");
                let answer = self.session.answer_of(0, "4.3.0", &text);
                self.session.tape.note(&text);
                let later = Verdict::Later { answer, reached: true };
                self.done.extend(self.taken.drain(..).map(|n| (n, later.clone())));
            }
        }
    }

    /// One answer for all; in LMTP one for each (RFC 2033 s4.2).
    async fn answers(&mut self) {
        let mut one: Option<Verdict> = None;
        for n in std::mem::take(&mut self.taken) {
            let verdict = match one.take().filter(|_| !self.session.lmtp) {
                Some(verdict) => verdict,
                None => self.last_answer().await,
            };
            self.done.push((n, verdict.clone()));
            one = Some(verdict);
        }
        self.session.open = false;
        self.session.used += 1;
    }

    async fn last_answer(&mut self) -> Verdict {
        let heard = if self.session.over {
            Err(Broken { step: Step::End, why: Why::Lost })
        } else {
            self.session.hear(Step::End).await
        };
        match heard {
            Ok(heard) => self.verdict(&heard),
            Err(broken) => Verdict::Later { answer: self.session.answer_to(&broken), reached: true },
        }
    }

    fn verdict(&mut self, heard: &Heard) -> Verdict {
        let answer = self.session.answer(heard);
        match heard.code {
            200..300 => Verdict::Delivered { answer, passed_on: self.session.offered.dsn },
            500.. => Verdict::Never(answer),
            400..500 => Verdict::Later { answer, reached: true },
            _ => {
                let broken = self.session.broken(Step::End, Why::Garbage(heard.words()));
                Verdict::Later { answer: self.session.answer_to(&broken), reached: true }
            }
        }
    }

    async fn hear(&mut self, step: Step) -> Result<Heard, Elsewhere> {
        match self.session.hear(step).await {
            Ok(heard) => Ok(heard),
            Err(broken) => Err(self.elsewhere(&broken)),
        }
    }

    fn elsewhere(&self, broken: &Broken) -> Elsewhere {
        Elsewhere(self.session.answer_to(broken))
    }

    fn is_yes(&mut self, step: Step, heard: &Heard) -> Result<bool, Elsewhere> {
        match heard.code {
            200..300 => Ok(true),
            400..600 => Ok(false),
            _ => Err(self.garbage(step, heard)),
        }
    }

    fn garbage(&mut self, step: Step, heard: &Heard) -> Elsewhere {
        let broken = self.session.broken(step, Why::Garbage(format!("{} {}", heard.code, heard.words())));
        self.elsewhere(&broken)
    }
}

fn say_rcpt(session: &mut Session, job: &Job, n: usize) {
    if let Some(rcpt) = job.rcpts.get(n) {
        let wishes = if session.offered.dsn { rcpt.wishes.clone() } else { Wishes::default() };
        session.say(&Command::Rcpt { to: Recipient::Address(rcpt.to.clone()), utf8: false, wishes });
    }
}
