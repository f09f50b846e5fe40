//! What an SMTP session tells. Wording: Postfix' smtpd, to the letter where a program reads it (pflogsumm, fail2ban).
//!
//! The client's host name is not looked up yet, so every line says `unknown[ip]`, as Postfix does for a client without one.

use std::net::IpAddr;

use super::{Count, Line, Tag, safe, safe_bytes, safe_field};
use crate::{
    types::{Address, QueueId, ReversePath},
    wire::smtp::Reply,
};

/// An event of `session::smtp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpEvent {
    /// The service that was called.
    pub tag: Tag,
    /// The client.
    pub ip: IpAddr,
    /// What happened.
    pub what: SmtpFact,
}

/// What happened to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpFact {
    /// `connect from unknown[ip]`
    Connect,
    /// `disconnect from unknown[ip] ehlo=1 auth=0/1 mail=1 quit=1 commands=3/4`
    Disconnect {
        /// Command counts in Postfix' form.
        counts: String,
    },
    /// `Anonymous TLS connection established from unknown[ip]: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)`
    TlsUp {
        /// `TLSv1.3`
        version: &'static str,
        /// Cipher suite.
        cipher: String,
    },
    /// `SSL_accept error from unknown[ip]: why`
    TlsFailed {
        /// In words.
        why: String,
    },
    /// `improper command pipelining after CONNECT from unknown[ip]: EHLO x`: the client did not wait where it must.
    Pipelining {
        /// The command, or CONNECT.
        after: &'static str,
        /// The name of the command that came too early, if it is one.
        early: &'static str,
    },
    /// `warning: non-SMTP command from unknown[ip]: GET / HTTP/1.1`
    NotSmtp {
        /// The line.
        line: Vec<u8>,
    },
    /// `QID: client=unknown[ip], sasl_method=PLAIN, sasl_username=ann@office.test`
    Client {
        /// The message.
        qid: QueueId,
        /// Mechanism and address of who logged in.
        login: Option<(&'static str, Address)>,
    },
    /// `NOQUEUE: reject: RCPT from unknown[ip]: 550 5.1.1 <to>: words; from=<> to=<> proto=ESMTP helo=<x>`
    Reject(Box<Reject>),
    /// `warning: unknown[ip]: SASL PLAIN authentication failed: why, sasl_username=ann`
    LoginFailed {
        /// Mechanism as the client wrote it.
        mechanism: String,
        /// Why, in our words.
        why: &'static str,
        /// The name, if it came so far.
        user: Option<String>,
    },
    /// `warning: unknown[ip]: SASL LOGIN authentication aborted`: the client's own wish, no guess at a password.
    LoginAborted {
        /// Mechanism.
        mechanism: &'static str,
    },
    /// `lost connection after DATA from unknown[ip]`
    Lost {
        /// The last command, or CONNECT.
        after: &'static str,
    },
    /// `timeout after DATA from unknown[ip]`
    Timeout {
        /// The last command, or CONNECT.
        after: &'static str,
    },
    /// `too many errors after AUTH from unknown[ip]`
    TooManyErrors {
        /// The last command.
        after: &'static str,
    },
    /// `warning: malformed BDAT command syntax from unknown[ip]`: nobody knows where the next command begins.
    MalformedBdat,
}

/// A refused command or message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The message, once it has a name.
    pub qid: Option<QueueId>,
    /// `MAIL`, `RCPT`, `DATA`, `BDAT`, `END-OF-MESSAGE`.
    pub stage: &'static str,
    /// What the client heard.
    pub say: Reply,
    /// What it did not hear.
    pub log: String,
    /// The reverse-path, once it is known.
    pub from: Option<ReversePath>,
    /// The recipient, if it is about one.
    pub to: Option<String>,
    /// `SMTP` or `ESMTP`.
    pub proto: &'static str,
    /// What the client calls itself.
    pub helo: Option<String>,
}

impl Reject {
    fn text(&self, ip: IpAddr) -> String {
        let address = |text: &str| safe_field(text, 330);
        let qid = self.qid.as_ref().map_or("NOQUEUE", |q| q.as_str());
        let say = &self.say;
        // Postfix puts what is refused in front of the words.
        let about = match (self.stage, &self.to, &self.from) {
            ("RCPT", Some(to), _) => format!("<{}>: ", address(to)),
            ("MAIL", _, Some(from)) => format!("<{}>: ", address(&from.to_string())),
            (_, Some(_) | None, Some(_) | None) => String::new(),
        };
        let words = safe(&say.lines.join(" "), 400);
        let log = if self.log.is_empty() { String::new() } else { format!(" ({})", safe(&self.log, 400)) };
        let mut text = format!("{qid}: reject: {} from unknown[{ip}]: ", self.stage);
        text += &format!("{} {} {about}{words}{log};", say.code, say.status);
        if let Some(from) = &self.from {
            text += &format!(" from=<{}>", address(&from.to_string()));
        }
        if let Some(to) = &self.to {
            text += &format!(" to=<{}>", address(to));
        }
        text += &format!(" proto={}", self.proto);
        if let Some(helo) = &self.helo {
            text += &format!(" helo=<{}>", safe_field(helo, 255));
        }
        text
    }
}

/// Bits of the key in Postfix' manner, from the name of the suite.
fn bits(cipher: &str) -> u16 {
    if cipher.contains("AES_128") { 128 } else { 256 }
}

impl From<SmtpEvent> for Line {
    fn from(event: SmtpEvent) -> Line {
        let SmtpEvent { tag, ip, what } = event;
        let peer = format!("unknown[{ip}]");
        match what {
            SmtpFact::Connect => Line::info(tag, format!("connect from {peer}")),
            SmtpFact::Disconnect { counts } => {
                Line::info(tag, format!("disconnect from {peer} {}", safe(&counts, 400)))
            }
            SmtpFact::TlsUp { version, cipher } => {
                let bits = bits(&cipher);
                let cipher = safe(&cipher, 80);
                let with = format!("{version} with cipher {cipher} ({bits}/{bits} bits)");
                Line::info(tag, format!("Anonymous TLS connection established from {peer}: {with}"))
            }
            SmtpFact::TlsFailed { why } => {
                Line::info(tag, format!("SSL_accept error from {peer}: {}", safe(&why, 200)))
            }
            SmtpFact::Pipelining { after, early } => {
                Line::info(tag, format!("improper command pipelining after {after} from {peer}: {early}"))
            }
            SmtpFact::NotSmtp { line } => {
                Line::warning(tag, format!("non-SMTP command from {peer}: {}", safe_bytes(&line, 100)))
            }
            SmtpFact::Client { qid, login } => {
                let login = login.map_or(String::new(), |(method, address)| {
                    format!(", sasl_method={method}, sasl_username={}", safe_field(&address.to_string(), 330))
                });
                Line::info(tag, format!("{qid}: client={peer}{login}"))
            }
            SmtpFact::Reject(reject) => Line::info(tag, reject.text(ip)).counted(Count::Refused),
            SmtpFact::LoginFailed { mechanism, why, user } => {
                let user = user.map_or(String::new(), |u| format!(", sasl_username={}", safe_field(&u, 330)));
                let mechanism = safe_field(&mechanism, 40);
                let text = format!("{peer}: SASL {mechanism} authentication failed: {why}{user}");
                Line::warning(tag, text).counted(Count::FailedLogins(1))
            }
            SmtpFact::LoginAborted { mechanism } => {
                Line::warning(tag, format!("{peer}: SASL {mechanism} authentication aborted"))
            }
            SmtpFact::Lost { after } => Line::info(tag, format!("lost connection after {after} from {peer}")),
            SmtpFact::Timeout { after } => Line::info(tag, format!("timeout after {after} from {peer}")),
            SmtpFact::TooManyErrors { after } => Line::info(tag, format!("too many errors after {after} from {peer}")),
            SmtpFact::MalformedBdat => Line::warning(tag, format!("malformed BDAT command syntax from {peer}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{types::BodyId, wire::smtp::say};

    fn told(what: SmtpFact) -> String {
        let ip = "192.0.2.7".parse().unwrap();
        Line::from(SmtpEvent { tag: Tag::Smtpd, ip, what }).text.to_string()
    }

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn reject(to: Option<&str>, stage: &'static str) -> Reject {
        Reject {
            qid: None,
            stage,
            say: say::NO_MAILBOX.into(),
            log: String::new(),
            from: Some(ReversePath::Address(address("a@far.test"))),
            to: to.map(str::to_owned),
            proto: "ESMTP",
            helo: Some("mx.far.test".into()),
        }
    }

    #[test]
    fn lines_are_worded_as_postfix_words_them() {
        let qid = QueueId::of(BodyId(0x1f));
        for (fact, line) in [
            (SmtpFact::Connect, "connect from unknown[192.0.2.7]"),
            (SmtpFact::Lost { after: "DATA" }, "lost connection after DATA from unknown[192.0.2.7]"),
            (SmtpFact::Timeout { after: "EHLO" }, "timeout after EHLO from unknown[192.0.2.7]"),
            (SmtpFact::TooManyErrors { after: "AUTH" }, "too many errors after AUTH from unknown[192.0.2.7]"),
            (SmtpFact::Client { qid: qid.clone(), login: None }, "000000001F: client=unknown[192.0.2.7]"),
            (
                SmtpFact::Client { qid, login: Some(("PLAIN", address("ann@office.test"))) },
                "000000001F: client=unknown[192.0.2.7], sasl_method=PLAIN, sasl_username=ann@office.test",
            ),
            (
                SmtpFact::LoginFailed {
                    mechanism: "PLAIN".into(),
                    why: "authentication failure",
                    user: Some("ann".into()),
                },
                "warning: unknown[192.0.2.7]: SASL PLAIN authentication failed: authentication failure, sasl_username=ann",
            ),
            (
                SmtpFact::TlsUp { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384".into() },
                "Anonymous TLS connection established from unknown[192.0.2.7]: TLSv1.3 with cipher \
                 TLS_AES_256_GCM_SHA384 (256/256 bits)",
            ),
            (
                SmtpFact::Reject(Box::new(reject(Some("x@office.test"), "RCPT"))),
                "NOQUEUE: reject: RCPT from unknown[192.0.2.7]: 550 5.1.1 <x@office.test>: User unknown: no such mailbox \
                 here; from=<a@far.test> to=<x@office.test> proto=ESMTP helo=<mx.far.test>",
            ),
        ] {
            assert_eq!(told(fact), line);
        }
    }

    #[test]
    fn a_helo_cannot_forge_a_line() {
        let helo = "x>\r\nNov 24 05:00:00 gw postfix/smtpd[1]: warning: unknown[10.0.0.1]: SASL".to_owned();
        let line = told(SmtpFact::Reject(Box::new(Reject { helo: Some(helo), ..reject(None, "DATA") })));
        assert!(!line.contains(['\r', '\n']) && line.matches('>').count() == 2, "{line}");
        let line = told(SmtpFact::NotSmtp { line: b"GET /\n\x1b[31m HTTP/1.1".to_vec() });
        assert!(!line.contains(char::is_control), "{line}");
    }
}
