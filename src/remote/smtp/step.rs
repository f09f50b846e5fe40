//! The steps of a dialogue: how long each may take (RFC 5321 s4.5.3.2), and Postfix' words for where it broke off.

use std::time::Duration;

use crate::limits;

/// Where a dialogue stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Greeting,
    Hello,
    Starttls,
    Login,
    Mail,
    Rcpt,
    Data,
    Text,
    End,
    Reset,
    Quit,
}

impl Step {
    /// Behind "lost connection with X while" and "conversation with X timed out while".
    pub fn words(self) -> &'static str {
        match self {
            Step::Greeting => "receiving the initial server greeting",
            Step::Hello => "performing the EHLO handshake",
            Step::Starttls => "performing the TLS handshake",
            Step::Login => "performing the AUTH handshake",
            Step::Mail => "sending MAIL FROM",
            Step::Rcpt => "sending RCPT TO",
            Step::Data => "receiving the DATA response",
            Step::Text => "sending message body",
            Step::End => "sending end of data -- message may be sent more than once",
            Step::Reset => "sending RSET",
            Step::Quit => "sending QUIT",
        }
    }
}

/// How long each step may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// TCP.
    pub connect: Duration,
    /// 220, MAIL, RCPT, EHLO, AUTH: each whole reply.
    pub reply: Duration,
    /// The answer to DATA.
    pub data: Duration,
    /// Until the server takes a piece of the text.
    pub piece: Duration,
    /// The answer to the final dot.
    pub end: Duration,
    /// TLS.
    pub handshake: Duration,
    /// The answer to QUIT and RSET.
    pub goodbye: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(limits::SEND_CONNECT_SECS),
            reply: Duration::from_secs(limits::SEND_REPLY_SECS),
            data: Duration::from_secs(limits::SEND_DATA_SECS),
            piece: Duration::from_secs(limits::SEND_PIECE_SECS),
            end: Duration::from_secs(limits::SEND_END_SECS),
            handshake: Duration::from_secs(limits::HANDSHAKE_SECS),
            goodbye: Duration::from_secs(limits::SEND_GOODBYE_SECS),
        }
    }
}

impl Patience {
    /// Every step within this time: for tests.
    pub fn of(limit: Duration) -> Self {
        Patience {
            connect: limit,
            reply: limit,
            data: limit,
            piece: limit,
            end: limit,
            handshake: limit,
            goodbye: limit,
        }
    }

    pub(super) fn at(&self, step: Step) -> Duration {
        match step {
            Step::Greeting | Step::Hello | Step::Login | Step::Mail | Step::Rcpt => self.reply,
            Step::Starttls => self.handshake,
            Step::Data => self.data,
            Step::Text => self.piece,
            Step::End => self.end,
            Step::Reset | Step::Quit => self.goodbye,
        }
    }
}
