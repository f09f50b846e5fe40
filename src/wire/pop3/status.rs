//! Status lines (RFC 1939 s3) with their response codes (RFC 2449 s8), and every sentence we utter.

/// Why not, for a program (RFC 2449 s8, RFC 3206 s4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RespCode {
    /// `[AUTH]`: the name or the password.
    Auth,
    /// `[SYS/TEMP]`: ours, try later.
    SysTemp,
    /// `[SYS/PERM]`: ours, somebody must come.
    SysPerm,
    /// `[IN-USE]`: we never say it, because no session locks a maildrop.
    InUse,
    /// `[LOGIN-DELAY]`: we never say it either.
    LoginDelay,
}

const CODES: [(RespCode, &str); 5] = [
    (RespCode::Auth, "AUTH"),
    (RespCode::SysTemp, "SYS/TEMP"),
    (RespCode::SysPerm, "SYS/PERM"),
    (RespCode::InUse, "IN-USE"),
    (RespCode::LoginDelay, "LOGIN-DELAY"),
];

impl RespCode {
    fn text(self) -> &'static str {
        CODES.iter().find(|(code, _)| *code == self).map_or("", |(_, text)| text)
    }
}

/// A sentence of the table [`say`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Say {
    /// `+OK` or `-ERR`.
    pub ok: bool,
    /// For a program.
    pub code: Option<RespCode>,
    /// For a person; printable ASCII.
    pub text: &'static str,
}

impl Say {
    /// As it goes over the wire.
    pub fn write(self, out: &mut Vec<u8>) {
        line(out, self.ok, self.code, self.text);
    }
}

/// A status line as it is heard or said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// `+OK` or `-ERR`.
    pub ok: bool,
    /// One that we know.
    pub code: Option<RespCode>,
    /// The rest.
    pub text: String,
}

impl Status {
    /// `+OK text`
    pub fn ok(text: impl Into<String>) -> Self {
        Status { ok: true, code: None, text: text.into() }
    }

    /// As it goes over the wire.
    pub fn write(&self, out: &mut Vec<u8>) {
        line(out, self.ok, self.code, &self.text);
    }

    /// Reads a line without its ending; None if it is neither `+OK` nor `-ERR`.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let ok = bytes.starts_with(b"+OK");
        let rest = bytes.strip_prefix(b"+OK").or_else(|| bytes.strip_prefix(b"-ERR"))?;
        if !rest.is_empty() && !rest.starts_with(b" ") {
            return None;
        }
        let text = String::from_utf8_lossy(rest.strip_prefix(b" ").unwrap_or(rest)).into_owned();
        for (code, name) in CODES {
            let inner = text.strip_prefix('[').and_then(|t| t.get(..name.len()).zip(t.get(name.len()..)));
            if let Some((word, after)) = inner
                && word.eq_ignore_ascii_case(name)
                && let Some(after) = after.strip_prefix(']')
            {
                let text = after.strip_prefix(' ').unwrap_or(after).to_owned();
                return Some(Status { ok, code: Some(code), text });
            }
        }
        Some(Status { ok, code: None, text })
    }
}

fn line(out: &mut Vec<u8>, ok: bool, code: Option<RespCode>, text: &str) {
    out.extend_from_slice(if ok { b"+OK" } else { b"-ERR" });
    if let Some(code) = code {
        out.extend_from_slice(format!(" [{}]", code.text()).as_bytes());
    }
    if !text.is_empty() {
        out.push(b' ');
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// Every sentence we ever utter in POP3, but for those with numbers in them.
pub mod say {
    use super::{RespCode, Say};

    const fn yes(text: &'static str) -> Say {
        Say { ok: true, code: None, text }
    }

    const fn no(text: &'static str) -> Say {
        Say { ok: false, code: None, text }
    }

    const fn because(code: RespCode, text: &'static str) -> Say {
        Say { ok: false, code: Some(code), text }
    }

    /// CAPA, followed by lines (RFC 2449 s5).
    pub const CAPABILITIES: Say = yes("Capability list follows");
    /// AUTH without a mechanism, followed by lines.
    pub const MECHANISMS: Say = yes("Mechanisms follow");
    /// STLS (RFC 2595 s4).
    pub const BEGIN_TLS: Say = yes("Begin TLS negotiation");
    /// USER: the same for every name.
    pub const NAMED: Say = yes("Send the password");
    /// NOOP.
    pub const NOOP: Say = yes("");
    /// RSET.
    pub const RESET: Say = yes("No message is marked any more");
    /// DELE.
    pub const MARKED: Say = yes("Marked to be deleted");
    /// UIDL, followed by lines.
    pub const UIDS: Say = yes("Unique identifiers follow");
    /// TOP, followed by lines.
    pub const TOP: Say = yes("Top of message follows");
    /// QUIT before the login.
    pub const BYE: Say = yes("Bye");

    /// No such command.
    pub const UNKNOWN: Say = no("Unknown command");
    /// A command with arguments that do not fit.
    pub const ARGUMENTS: Say = no("Invalid arguments");
    /// `limits::POP3_LINE`, `limits::SASL_LINE`.
    pub const LONG_LINE: Say = no("Line too long");
    /// A command of the TRANSACTION state.
    pub const LOG_IN_FIRST: Say = no("Log in first");
    /// A command of the AUTHORIZATION state.
    pub const LOGGED_IN_ALREADY: Say = no("Logged in already");
    /// PASS without USER.
    pub const USER_FIRST: Say = no("Send USER first");
    /// Q10. Not [AUTH]: the password may be right (RFC 3206 s4).
    pub const NEEDS_TLS: Say = no("Logging in needs an encrypted connection");
    /// STLS a second time, or on 995.
    pub const TLS_ALREADY: Say = no("TLS is active already");
    /// STLS without a certificate, or switched off.
    pub const NO_TLS: Say = no("TLS is not available");
    /// AUTH with a mechanism that CAPA does not name.
    pub const MECHANISM: Say = no("Unknown authentication mechanism");
    /// Not base64, or not a message of the mechanism.
    pub const BAD_SASL: Say = no("Invalid authentication message");
    /// `*` (RFC 5034 s4).
    pub const CANCELLED: Say = no("Authentication cancelled");
    /// Wrong name or password; nobody learns which.
    pub const WRONG_LOGIN: Say = because(RespCode::Auth, "Authentication failed");
    /// The throttle.
    pub const SLOW_DOWN: Say = because(RespCode::SysTemp, "Too many failed logins, try again later");
    /// The hashing queue is full.
    pub const BUSY: Say = because(RespCode::SysTemp, "Too busy to check the password, try again later");
    /// No such number in this session.
    pub const NO_MESSAGE: Say = no("No such message");
    /// It is marked to be deleted (RFC 1939 s5).
    pub const DELETED: Say = no("The message is deleted");
    /// It was in the snapshot, but somebody else deleted it since.
    pub const VANISHED: Say = no("The message was deleted meanwhile by another client");
    /// The mail disk is absent or failing.
    pub const NO_DISK: Say = because(RespCode::SysTemp, "Mail storage is not available now, try later");
    /// A damaged record.
    pub const DAMAGED: Say = because(RespCode::SysPerm, "The stored mail is damaged, tell the administrator");
    /// QUIT: the disk did not do it (RFC 1939 s6).
    pub const NOT_REMOVED: Say = because(RespCode::SysTemp, "Some messages could not be deleted");
    /// `limits::BAD_COMMANDS`.
    pub const BAD_COMMANDS: Say = no("Too many invalid commands");
    /// `limits::BAD_LOGINS`.
    pub const BAD_LOGINS: Say = because(RespCode::Auth, "Too many failed logins");
    /// The end of the house.
    pub const STOPPING: Say = because(RespCode::SysTemp, "The server is shutting down");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines_are_read_as_they_are_written() {
        for say in [say::BYE, say::NOOP, say::WRONG_LOGIN, say::NO_DISK, say::DAMAGED, say::UNKNOWN] {
            let mut out = Vec::new();
            say.write(&mut out);
            let heard = out.strip_suffix(b"\r\n").and_then(Status::parse).unwrap();
            assert_eq!((heard.ok, heard.code, heard.text.as_str()), (say.ok, say.code, say.text));
        }
    }

    #[test]
    fn hears_what_others_say() {
        let heard = |text: &str| Status::parse(text.as_bytes()).map(|s| (s.ok, s.code, s.text));
        assert_eq!(heard("+OK"), Some((true, None, String::new())));
        assert_eq!(heard("-ERR [in-use] locked"), Some((false, Some(RespCode::InUse), "locked".into())));
        assert_eq!(heard("-ERR [X-MORE] what"), Some((false, None, "[X-MORE] what".into())));
        assert_eq!(heard("-ERR [AUTH"), Some((false, None, "[AUTH".into())));
        assert_eq!(heard("-ERR [\u{43f}\u{43e}\u{43b}"), Some((false, None, "[\u{43f}\u{43e}\u{43b}".into())));
        for text in ["", "OK", "+OKAY", "-ERROR", "+ "] {
            assert_eq!(heard(text), None, "{text}");
        }
    }
}
