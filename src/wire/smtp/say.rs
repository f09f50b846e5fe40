//! Every sentence we ever utter in SMTP. That code and enhanced code agree (RFC 2034 s4, RFC 3463 s3) is checked when this
//! file is compiled: a sentence that does not agree is no program.
//!
//! Must not know: who is told, and why. A detail that a sentence needs is an argument.

use std::borrow::Cow;

use super::{Reply, Say};

/// Whether a code, its enhanced code and its words may stand together: 2xx, 4xx and 5xx carry a status of their own class
/// (three numbers), 3xx never does; the words are printable ASCII and leave room in a line of 512 octets.
#[must_use]
const fn agree(code: u16, status: &str, text: &str) -> bool {
    let (status, text) = (status.as_bytes(), text.as_bytes());
    if text.is_empty() || text.len() > 400 {
        return false;
    }
    let mut at = 0;
    while at < text.len() {
        if text[at] < 0x20 || text[at] > 0x7e {
            return false;
        }
        at += 1;
    }
    if code / 100 == 3 {
        return status.is_empty();
    }
    // RFC 2034 s4: no status in the greeting and in the answer to HELO and EHLO; those are made by functions below.
    let class = matches!(code / 100, 2 | 4 | 5);
    class && status.len() >= 5 && status[0] as u16 == code / 100 + 48 && status[1] == b'.' && three_numbers(status)
}

const fn three_numbers(status: &[u8]) -> bool {
    let (mut dots, mut at) = (0, 0);
    while at < status.len() {
        let digit = status[at].is_ascii_digit();
        if !digit && status[at] != b'.' {
            return false;
        }
        if !digit {
            dots += 1;
        }
        at += 1;
    }
    dots == 2 && status[status.len() - 1] != b'.'
}

const fn say(code: u16, status: &'static str, text: &'static str) -> Say {
    assert!(agree(code, status, text), "a sentence whose code, status and words do not agree");
    Say { code, status, text }
}

// The session.
/// QUIT.
pub const BYE: Say = say(221, "2.0.0", "Bye");
/// NOOP, RSET.
pub const OK: Say = say(250, "2.0.0", "Ok");
/// The house is going down (RFC 5321 s3.8).
pub const SHUTTING_DOWN: Say = say(421, "4.3.2", "The server is shutting down, come back later");
/// No place for one more connection, of this client or at all.
pub const TOO_MANY_CONNECTIONS: Say = say(421, "4.7.0", "Too many connections, try later");
/// A bug of ours ends the session.
pub const BROKEN: Say = say(421, "4.3.0", "An internal error ends this session, try later");
/// Silence (RFC 5321 s4.5.3.2).
pub const TIMEOUT: Say = say(421, "4.4.2", "Timeout exceeded");
/// `limits::BAD_COMMANDS`.
pub const TOO_MANY_ERRORS: Say = say(421, "4.7.0", "Too many errors");
/// `limits::BAD_LOGINS`.
pub const TOO_MANY_LOGINS: Say = say(421, "4.7.0", "Too many failed logins");
/// A web client at the door; the connection ends.
pub const NOT_HTTP: Say = say(521, "5.5.1", "This is a mail server, not a web server");

// Commands.
/// No such command.
pub const UNKNOWN_COMMAND: Say = say(500, "5.5.2", "Command not recognized");
/// `limits::SMTP_LINE`.
pub const LINE_TOO_LONG: Say = say(500, "5.5.2", "Line too long");
/// A command line that ends with a bare LF, from a stranger (RFC 5321 s2.3.8).
pub const LINE_ENDING: Say = say(500, "5.5.2", "A command line ends with CRLF");
/// A control character in a command line.
pub const CONTROL_CHARACTER: Say = say(501, "5.5.2", "A command line has a control character");
/// HELO, EHLO.
pub const HELO_SYNTAX: Say = say(501, "5.5.4", "Syntax: EHLO hostname");
/// MAIL.
pub const MAIL_SYNTAX: Say = say(501, "5.5.4", "Syntax: MAIL FROM:<address>");
/// RCPT.
pub const RCPT_SYNTAX: Say = say(501, "5.5.4", "Syntax: RCPT TO:<address>");
/// BDAT: nobody knows where the next command begins, so the connection ends.
pub const BDAT_SYNTAX: Say = say(521, "5.5.4", "Syntax: BDAT count [LAST]");
/// AUTH.
pub const AUTH_SYNTAX: Say = say(501, "5.5.4", "Syntax: AUTH mechanism");
/// VRFY and EXPN without a name.
pub const NAME_SYNTAX: Say = say(501, "5.5.4", "Syntax: VRFY address");
/// A command that takes no parameter has one (RFC 5321 s4.1.1.4 and others).
pub const NO_PARAMETER: Say = say(501, "5.5.4", "This command takes no parameter");
/// The reverse-path is not an address.
pub const BAD_SENDER: Say = say(501, "5.1.7", "Bad sender address syntax");
/// The forward-path is not an address.
pub const BAD_RECIPIENT: Say = say(501, "5.1.3", "Bad recipient address syntax");
/// MAIL in UTF-8 without SMTPUTF8 (RFC 6531 s3.5).
pub const SENDER_NEEDS_UTF8: Say = say(550, "5.6.7", "A sender's address that is not ASCII needs SMTPUTF8");
/// RCPT in UTF-8, and MAIL did not say SMTPUTF8 (RFC 6531 s3.5).
pub const RECIPIENT_NEEDS_UTF8: Say = say(553, "5.6.7", "A recipient's address that is not ASCII needs SMTPUTF8");
/// A parameter that is known but written wrongly.
pub const BAD_PARAMETER: Say = say(501, "5.5.4", "Bad parameter");
/// A parameter that is not offered (RFC 5321 s4.1.1.11).
pub const UNKNOWN_PARAMETER: Say = say(555, "5.5.4", "Parameter not recognized");
/// EXPN (RFC 5321 s7.3).
pub const NOT_OFFERED: Say = say(502, "5.5.1", "This command is not offered here");
/// VRFY (RFC 5321 s3.5.3).
pub const CANNOT_VERIFY: Say = say(252, "2.5.2", "Cannot verify, but will take a message and try");

// Order.
/// Nobody said HELO or EHLO.
pub const HELLO_FIRST: Say = say(503, "5.5.1", "Send HELO or EHLO first");
/// AUTH, STARTTLS and BDAT need EHLO.
pub const EHLO_FIRST: Say = say(503, "5.5.1", "Send EHLO first");
/// RCPT, DATA, BDAT before MAIL.
pub const MAIL_FIRST: Say = say(503, "5.5.1", "Need MAIL command");
/// DATA or BDAT without a recipient that was taken.
pub const RCPT_FIRST: Say = say(554, "5.5.1", "No valid recipients");
/// A second MAIL.
pub const NESTED_MAIL: Say = say(503, "5.5.1", "Nested MAIL command");
/// A message is under way.
pub const IN_TRANSACTION: Say = say(503, "5.5.1", "Not allowed during a mail transaction");
/// DATA or RCPT between chunks (RFC 3030 s2).
pub const IN_CHUNKS: Say = say(503, "5.5.1", "Only BDAT may follow BDAT");
/// `limits::SMTP_RCPTS` (RFC 5321 s4.5.3.1.10).
pub const TOO_MANY_RCPTS: Say = say(452, "4.5.3", "Too many recipients");

// TLS and login.
/// RFC 3207 s4.
pub const READY_FOR_TLS: Say = say(220, "2.0.0", "Ready to start TLS");
/// TLS demanded (RFC 3207 s4).
pub const TLS_FIRST: Say = say(530, "5.7.0", "Must issue a STARTTLS command first");
/// STARTTLS a second time.
pub const TLS_ALREADY: Say = say(503, "5.5.1", "TLS is active already");
/// No certificate (RFC 3207 s4).
pub const NO_TLS: Say = say(454, "4.7.0", "TLS is not available now");
/// RFC 4954 s6, RFC 6409 s4.3.
pub const LOGIN_FIRST: Say = say(530, "5.7.0", "Authentication required");
/// A second AUTH (RFC 4954 s4).
pub const LOGIN_ALREADY: Say = say(503, "5.5.1", "Already authenticated");
/// Q10: no password in plaintext from there (RFC 4954 s6).
pub const LOGIN_NEEDS_TLS: Say = say(538, "5.7.11", "Encryption is required to log in");
/// RFC 4954 s4.
pub const BAD_MECHANISM: Say = say(504, "5.5.4", "Authentication mechanism not offered");
/// RFC 4954 s6.
pub const LOGGED_IN: Say = say(235, "2.7.0", "Authentication successful");
/// RFC 4954 s6; the same for a wrong name and a wrong password.
pub const WRONG_LOGIN: Say = say(535, "5.7.8", "Authentication credentials invalid");
/// The throttle, or a full queue of the hashing thread.
pub const LOGIN_LATER: Say = say(454, "4.7.0", "Temporary authentication failure, try later");
/// Not base64, or no message of this mechanism (RFC 4954 s4).
pub const BAD_SASL: Say = say(501, "5.5.2", "Cannot decode the authentication response");
/// `*` (RFC 4954 s4).
pub const LOGIN_CANCELLED: Say = say(501, "5.7.0", "Authentication cancelled");
/// `limits::SASL_LINE` (RFC 4954 s4).
pub const SASL_TOO_LONG: Say = say(500, "5.5.6", "Authentication exchange line is too long");

// The envelope.
/// MAIL was taken.
pub const SENDER_OK: Say = say(250, "2.1.0", "Ok");
/// RCPT was taken.
pub const RECIPIENT_OK: Say = say(250, "2.1.5", "Ok");
/// DATA.
pub const GO_ON: Say = say(354, "", "End data with <CR><LF>.<CR><LF>");

// Routing and policy.
/// A login uses an address of somebody else (RFC 6409 s6.1).
pub const NOT_YOUR_ADDRESS: Say = say(553, "5.7.1", "The sender address does not belong to this login");
/// A user has sent all that he may in an hour or a day (Q13).
pub const SENT_TOO_MUCH: Say = say(450, "4.7.1", "This login has sent too many messages, try later");
/// A recipient of a domain that is not ours, from somebody who may not relay.
pub const RELAY_DENIED: Say = say(550, "5.7.1", "Relay access denied: log in to send to other domains");
/// No such mailbox. The first words are those that fail2ban knows from Postfix.
pub const NO_MAILBOX: Say = say(550, "5.1.1", "User unknown: no such mailbox here");
/// Over quota (Q15).
pub const OVER_QUOTA: Say = say(552, "5.2.2", "The mailbox is full");
/// Over quota, when the setting makes it temporary (Q15).
pub const OVER_QUOTA_LATER: Say = say(452, "4.2.2", "The mailbox is full, try later");
/// Q14.
pub const TOO_BIG: Say = say(552, "5.3.4", "The message is larger than this server takes");

// The message.
/// RFC 5321 s6.3.
pub const LOOP: Say = say(554, "5.4.6", "Too many Received lines: the message runs in a loop");
/// Header section over the cap.
pub const HEADER_TOO_BIG: Say = say(554, "5.6.0", "The header section is too large");
/// A bare CR or LF from a stranger.
pub const BARE_NEWLINE: Say = say(550, "5.5.2", "A bare CR or LF is not allowed; lines end with CRLF");

// The disk.
/// The mail disk is absent or failing.
pub const NO_DISK: Say = say(451, "4.3.0", "Mail storage is not available now, try later");
/// Below the reserve.
pub const NO_ROOM: Say = say(452, "4.3.1", "No room to store the message now, try later");
/// Something of ours broke.
pub const OUR_FAULT: Say = say(451, "4.3.0", "A local error, try later");

/// The first words (RFC 5321 s4.2): no status, and no version for strangers to look up.
#[must_use]
pub fn greeting(server: &str) -> Reply {
    Reply { code: 220, status: "", lines: vec![Cow::Owned(format!("{server} ESMTP"))] }
}

/// The answer to HELO and EHLO: our name, then one keyword a line (RFC 5321 s4.1.1.1).
#[must_use]
pub fn hello(server: &str, keywords: Vec<Cow<'static, str>>) -> Reply {
    let mut lines = vec![Cow::Owned(server.to_owned())];
    lines.extend(keywords);
    Reply { code: 250, status: "", lines }
}

/// A chunk was taken (RFC 3030 s2).
#[must_use]
pub fn chunk(octets: u64) -> Reply {
    Reply { code: 250, status: "2.0.0", lines: vec![Cow::Owned(format!("{octets} octets received"))] }
}

/// The Guarantee: said only after `pipeline::Incoming::finish` returned Ok.
#[must_use]
pub fn queued(qid: &str) -> Reply {
    Reply { code: 250, status: "2.0.0", lines: vec![Cow::Owned(format!("Ok: queued as {qid}"))] }
}

/// HELP (RFC 5321 s4.1.1.8).
#[must_use]
pub fn help(commands: &str) -> Reply {
    let lines = vec![Cow::Owned(format!("Commands: {commands}")), Cow::Borrowed("See RFC 5321")];
    Reply { code: 214, status: "2.0.0", lines }
}

/// A SASL challenge in base64 (RFC 4954 s4), maybe empty.
#[must_use]
pub fn challenge(base64: String) -> Reply {
    Reply { code: 334, status: "", lines: vec![Cow::Owned(base64)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_enhanced_code_must_agree() {
        assert!(agree(250, "2.0.0", "Ok"));
        assert!(agree(538, "5.7.11", "Encryption"));
        assert!(agree(354, "", "go on"));
        for (code, status, text) in [
            (250, "5.0.0", "Ok"),
            (550, "", "No"),
            (354, "3.0.0", "go on"),
            (550, "5.1", "No"),
            (550, "5.1.", "No"),
            (550, "5.1.x", "No"),
            (150, "1.0.0", "No"),
            (550, "5.1.1", ""),
            (550, "5.1.1", "two\r\nlines"),
        ] {
            assert!(!agree(code, status, text), "{code} {status} {text}");
        }
    }

    #[test]
    fn no_sentence_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        let table = include_str!("say.rs");
        let rows = table.lines().filter_map(|l| l.strip_prefix("pub const ")?.split_once(" = ").map(|(_, say)| say));
        let mut count = 0;
        for row in rows {
            count += 1;
            // OK and SENDER_OK differ by status only, so whole rows are compared.
            assert!(seen.insert(row), "{row}");
        }
        assert!(count > 50, "{count}");
    }

    #[test]
    fn sentences_with_a_detail_are_one_line_of_at_most_512_octets() {
        let long = "x\r\n250 Ok".repeat(200);
        let mut out = Vec::new();
        BAD_SENDER.with(&long).write(&mut out);
        assert!(out.len() <= 512, "{}", out.len());
        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
    }
}
