//! One connection: commands go out, whole replies come in, each within its time and its bounds.

use std::{io, sync::Arc, time::Duration};

use super::{Means, Step, tape::Tape};
use crate::{
    journal::safe,
    limits,
    net::{Conn, Distrust, ReadError},
    remote::Who,
    rt::timeout,
    types::Answer,
    wire::smtp::{Command, Heard, Hearing, Offered},
};

/// A dialogue that cannot go on.
#[derive(Debug)]
pub(super) struct Broken {
    pub step: Step,
    pub why: Why,
}

/// Why.
#[derive(Debug)]
pub(super) enum Why {
    /// The connection is gone.
    Lost,
    /// It took too long.
    Slow,
    /// What came is no SMTP, or no answer to what was said.
    Garbage(String),
    /// The socket or TLS broke.
    Socket(io::Error),
}

impl From<ReadError> for Why {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Why::Lost,
            ReadError::Timeout => Why::Slow,
            ReadError::TooLong => Why::Garbage("a line without an end".to_owned()),
            ReadError::Io(error) => Why::Socket(error),
        }
    }
}

pub(super) struct Session {
    pub conn: Conn,
    pub means: Arc<Means>,
    pub tape: Tape,
    /// `mx.example.org[192.0.2.1]:25`
    pub peer: Box<str>,
    pub offered: Offered,
    /// What is wrong with the server's certificate, where that does not matter.
    pub distrust: Option<Distrust>,
    /// RFC 2033: an answer for each recipient.
    pub lmtp: bool,
    /// Messages that went over it.
    pub used: u32,
    /// A transaction was begun and not ended: RSET comes before the next.
    pub open: bool,
    /// Nothing more can be said here.
    pub over: bool,
    /// The 421 that it said, if it did.
    farewell: Option<Heard>,
}

impl Session {
    pub fn new(means: &Arc<Means>, conn: Conn, peer: Box<str>, tape: Tape) -> Self {
        Session {
            conn,
            means: means.clone(),
            tape,
            peer,
            offered: Offered::default(),
            distrust: None,
            lmtp: false,
            used: 0,
            open: false,
            over: false,
            farewell: None,
        }
    }

    /// Puts a command behind those that wait to be sent.
    pub fn say(&mut self, command: &Command) {
        let mut line = Vec::new();
        command.write(&mut line);
        self.conn.put(&line);
        let shown = match command {
            Command::Auth { mechanism, .. } => format!("AUTH {mechanism} ..."),
            _ => String::from_utf8_lossy(line.trim_ascii_end()).into_owned(),
        };
        self.tape.say(Who::We, &shown);
    }

    /// The same for a line that is no command of ours.
    pub fn say_line(&mut self, line: &str) {
        self.conn.put(line.as_bytes());
        self.conn.put(b"\r\n");
        self.tape.say(Who::We, line);
    }

    /// Sends what waits, and hears one reply. Before the first command of a group nothing may have been said out of turn.
    pub async fn ask(&mut self, command: &Command, step: Step) -> Result<Heard, Broken> {
        self.in_turn(step)?;
        self.say(command);
        self.hear(step).await
    }

    /// A server that answers before it is asked would have its answers taken for those of other questions. A farewell is no
    /// answer: it is heard with the next one.
    pub fn in_turn(&mut self, step: Step) -> Result<(), Broken> {
        let early = self.conn.buffered();
        if early.is_empty() || early.starts_with(b"421") {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&early[..early.len().min(100)]).into_owned();
        Err(self.broken(step, Why::Garbage(format!("an answer without a question: {said}"))))
    }

    /// Sends what waits, and hears the next reply, whole within its time.
    pub async fn hear(&mut self, step: Step) -> Result<Heard, Broken> {
        if let Err(error) = self.conn.flush(self.means.patience.at(step)).await {
            return self.last_words(step, error.into()).await;
        }
        let limit = self.means.patience.at(step);
        self.heard(step, limit).await
    }

    /// Nothing more can be sent. A server that closes in the middle has often said why.
    pub async fn last_words(&mut self, step: Step, why: Why) -> Result<Heard, Broken> {
        self.over = true;
        match self.heard(step, self.means.patience.goodbye).await {
            Ok(heard) if heard.code >= 400 => Ok(heard),
            Ok(_) | Err(_) => Err(self.broken(step, why)),
        }
    }

    async fn heard(&mut self, step: Step, limit: Duration) -> Result<Heard, Broken> {
        match timeout(limit, self.reply()).await.unwrap_or(Err(Why::Slow)) {
            Ok(heard) => {
                if heard.code == 421 {
                    self.over = true;
                    self.farewell = Some(heard.clone());
                }
                Ok(heard)
            }
            Err(why) => Err(self.broken(step, why)),
        }
    }

    async fn reply(&mut self) -> Result<Heard, Why> {
        let mut hearing = Hearing::default();
        for _ in 0..limits::REPLY_LINES {
            let limit = self.means.patience.end.max(self.means.patience.reply);
            let (line, _) = self.conn.line(limits::REPLY_LINE, limit).await?;
            self.tape.say(Who::They, &String::from_utf8_lossy(&line));
            match hearing.take(&line) {
                Ok(Some(heard)) => return Ok(heard),
                Ok(None) => {}
                Err(_) => return Err(Why::Garbage(String::from_utf8_lossy(&line).into_owned())),
            }
        }
        Err(Why::Garbage("a reply without an end".to_owned()))
    }

    /// Ends the dialogue.
    pub fn broken(&mut self, step: Step, why: Why) -> Broken {
        self.over = true;
        let broken = Broken { step, why };
        let words = self.words(&broken);
        self.tape.note(&words);
        broken
    }

    /// What the sender learns of a reply.
    pub fn answer(&self, heard: &Heard) -> Answer {
        let given = if heard.status.is_empty() { standard(heard.code) } else { heard.status.as_str() };
        self.answer_of(heard.code, given, &heard.words())
    }

    /// What the sender learns where no reply came: the farewell, if there was one.
    pub fn answer_to(&self, broken: &Broken) -> Answer {
        match &self.farewell {
            Some(farewell) => self.answer(farewell),
            None => self.answer_of(0, "4.4.2", &self.words(broken)),
        }
    }

    /// An answer about this server.
    pub fn answer_of(&self, code: u16, status: &str, text: &str) -> Answer {
        answer(&self.means, &self.peer, code, status, text)
    }

    /// Postfix' words.
    fn words(&self, broken: &Broken) -> String {
        let (peer, step) = (&self.peer, broken.step.words());
        match &broken.why {
            Why::Lost => format!("lost connection with {peer} while {step}"),
            Why::Slow => format!("conversation with {peer} timed out while {step}"),
            Why::Garbage(said) => format!("protocol error: {peer} said, while {step}: {said}"),
            Why::Socket(error) => format!("lost connection with {peer} while {step}: {error}"),
        }
    }

    /// The end, as far as it can be said.
    pub async fn quit(mut self) {
        let limit = self.means.patience.goodbye;
        if !self.over && self.in_turn(Step::Quit).is_ok() {
            self.say(&Command::Quit);
            self.conn.close(limit).await;
        }
    }
}

/// Status of a code that came without one (RFC 3463 s2): nothing is known but its class.
fn standard(code: u16) -> &'static str {
    match code / 100 {
        2 => "2.0.0",
        4 => "4.0.0",
        5 => "5.0.0",
        _ => "",
    }
}

/// An answer, its text printable and cut.
pub(super) fn answer(means: &Means, peer: &str, code: u16, status: &str, text: &str) -> Answer {
    let text = safe(text, limits::ANSWER_TEXT);
    Answer { at: means.clock.now(), peer: peer.into(), code, status: status.into(), text: text.into() }
}
