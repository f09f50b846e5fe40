//! Every sentence we ever utter in IMAP, with its response code.
//!
//! Must not know: who is told, and why. A detail that a sentence needs is an argument.

use super::{Code, Tag, text};

/// What kind of sentence (RFC 3501 s7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was done; untagged: for information.
    Ok,
    /// It was not done.
    No,
    /// It was not understood, or is not allowed now.
    Bad,
    /// The connection ends.
    Bye,
}

/// A sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Say<'a> {
    /// Its kind.
    pub status: Status,
    /// For a program.
    pub code: Option<Code<'a>>,
    /// For a person.
    pub text: &'a str,
}

impl<'a> Say<'a> {
    /// The same sentence with another code.
    #[must_use]
    pub const fn with(self, code: Code<'a>) -> Self {
        Say { code: Some(code), ..self }
    }

    /// As the answer to a command.
    pub fn tagged(&self, tag: &Tag, out: &mut Vec<u8>) {
        self.write(tag.as_str(), out);
    }

    /// Without a command: greeting, BYE, news.
    pub fn untagged(&self, out: &mut Vec<u8>) {
        self.write("*", out);
    }

    fn write(&self, tag: &str, out: &mut Vec<u8>) {
        let status = match self.status {
            Status::Ok => "OK",
            Status::No => "NO",
            Status::Bad => "BAD",
            Status::Bye => "BYE",
        };
        for word in [tag, " ", status, " "] {
            out.extend_from_slice(word.as_bytes());
        }
        if let Some(code) = &self.code {
            code.write(out);
            out.push(b' ');
        }
        // RFC 3501 s9 text: at least one character.
        let text = if self.text.is_empty() { "Done" } else { self.text };
        out.extend_from_slice(text::one_line(text).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

const fn ok(text: &'static str) -> Say<'static> {
    Say { status: Status::Ok, code: None, text }
}

const fn no(code: Code<'static>, text: &'static str) -> Say<'static> {
    Say { status: Status::No, code: Some(code), text }
}

const fn bad(text: &'static str) -> Say<'static> {
    Say { status: Status::Bad, code: None, text }
}

const fn bye(text: &'static str) -> Say<'static> {
    Say { status: Status::Bye, code: None, text }
}

// Done.
/// Any command.
pub const DONE: Say<'_> = ok("Completed");
/// STARTTLS.
pub const BEGIN_TLS: Say<'_> = ok("Begin TLS negotiation now");
/// LOGIN, AUTHENTICATE.
pub const LOGGED_IN: Say<'_> = ok("Logged in");
/// SELECT.
pub const SELECTED: Say<'_> = ok("Folder selected").with(Code::ReadWrite);
/// EXAMINE.
pub const EXAMINED: Say<'_> = ok("Folder opened for reading").with(Code::ReadOnly);
/// Another folder follows, or none (RFC 7162 s3.2.11).
pub const CLOSED: Say<'_> = ok("The previous folder is closed").with(Code::Closed);
/// MOVE, before the EXPUNGEs (RFC 6851 s4.3).
pub const MOVED: Say<'_> = ok("Moved");
/// PERMANENTFLAGS.
pub const FLAGS_CAN_CHANGE: Say<'_> = ok("Flags that stay changed");
/// SELECT: UNSEEN.
pub const FIRST_UNSEEN: Say<'_> = ok("The first unseen message");
/// SELECT: UIDVALIDITY.
pub const VALID: Say<'_> = ok("UIDs are valid");
/// SELECT: UIDNEXT.
pub const NEXT: Say<'_> = ok("The next UID");
/// HIGHESTMODSEQ.
pub const HIGHEST: Say<'_> = ok("The highest modification sequence");
/// IDLE.
pub const IDLE_DONE: Say<'_> = ok("Idle completed");
/// LOGOUT.
pub const LOGGED_OUT: Say<'_> = ok("Logged out");
/// UNCHANGEDSINCE kept some messages as they are (RFC 7162 s3.1.3).
pub const SOME_MODIFIED: Say<'_> = ok("Some messages were changed by somebody else meanwhile");
/// A message of a long command (RFC 3501 s7.1).
pub const STILL_HERE: Say<'_> = ok("Still here");

// The session ends.
/// LOGOUT.
pub const BYE: Say<'_> = bye("Logging out");
/// `limits::BAD_COMMANDS`.
pub const BAD_COMMANDS: Say<'_> = bye("Too many invalid commands");
/// `limits::BAD_LOGINS`.
pub const BAD_LOGINS: Say<'_> = bye("Too many failed logins");
/// Silence.
pub const IDLE_TOO_LONG: Say<'_> = bye("Disconnected for inactivity");
/// The end of the house.
pub const STOPPING: Say<'_> = bye("The server is shutting down").with(Code::Unavailable);
/// A command so long that nobody knows where the next one begins.
pub const HOPELESS: Say<'_> = bye("The command is far too long").with(Code::TooBig);
/// Somebody deleted the folder, or the disk went away.
pub const FOLDER_GONE: Say<'_> = bye("The selected folder is gone").with(Code::NonExistent);
/// A bug of ours.
pub const BROKEN: Say<'_> = bye("An internal error ends this session").with(Code::ServerBug);
/// No place for one more connection.
pub const TOO_MANY_CONNECTIONS: Say<'_> = bye("Too many connections, try later").with(Code::Limit);

// Not understood.
/// An empty line, or one without a tag.
pub const NO_TAG: Say<'_> = bad("A command begins with a tag");
/// A tag and nothing behind it.
pub const NO_COMMAND: Say<'_> = bad("A command is missing behind the tag");
/// No such command.
pub const UNKNOWN: Say<'_> = bad("Unknown command");
/// Arguments that do not fit.
pub const SYNTAX: Say<'_> = bad("Invalid arguments");
/// A control character outside a literal.
pub const CONTROL: Say<'_> = bad("A command has a control character");
/// Not a number, or too large.
pub const BAD_NUMBER: Say<'_> = bad("Invalid number");
/// Not a sequence set.
pub const BAD_SET: Say<'_> = bad("Invalid sequence set");
/// A message number beyond the last one.
pub const NO_NUMBER: Say<'_> = bad("There is no message of that number");
/// Not a date.
pub const BAD_DATE: Say<'_> = bad("Invalid date");
/// FETCH, STATUS.
pub const BAD_ITEM: Say<'_> = bad("Unknown data item");
/// BODY[...].
pub const BAD_SECTION: Say<'_> = bad("Invalid section");
/// SEARCH.
pub const BAD_KEY: Say<'_> = bad("Unknown search key");
/// RETURN (...), and what stands in parentheses elsewhere.
pub const BAD_OPTION: Say<'_> = bad("Unknown option");
/// A flag with a backslash that is none.
pub const BAD_FLAG: Say<'_> = bad("Unknown system flag");
/// CHARSET after ENABLE UTF8=ACCEPT (RFC 6855 s3).
pub const CHARSET_WITH_UTF8: Say<'_> = bad("No charset but UTF-8 after ENABLE UTF8=ACCEPT");
/// `limits::IMAP_DEPTH`.
pub const TOO_DEEP: Say<'_> = bad("The command is nested too deeply");
/// `limits::IMAP_ITEMS` and its like.
pub const TOO_MANY: Say<'_> = bad("The command lists too many things");
/// `limits::IMAP_COMMAND`, `limits::IMAP_LINE`.
pub const TOO_LONG: Say<'_> = bad("The command is too long").with(Code::TooBig);
/// Something else than DONE within IDLE.
pub const DONE_EXPECTED: Say<'_> = bad("Expected DONE");
/// Not base64, or not a message of the mechanism.
pub const BAD_SASL: Say<'_> = bad("Invalid authentication message");
/// `*` (RFC 3501 s6.2.2).
pub const CANCELLED: Say<'_> = bad("Authentication cancelled");

// Not now.
/// A command that needs a login.
pub const LOG_IN_FIRST: Say<'_> = bad("Log in first");
/// A command for before the login.
pub const LOGGED_IN_ALREADY: Say<'_> = bad("Logged in already");
/// A command that needs a folder.
pub const SELECT_FIRST: Say<'_> = bad("Select a folder first");
/// STARTTLS a second time, or on 993.
pub const TLS_ALREADY: Say<'_> = bad("TLS is active already");
/// STARTTLS without a certificate, or switched off.
pub const NO_TLS: Say<'_> = bad("TLS is not available");
/// Q10.
pub const NEEDS_TLS: Say<'_> = no(Code::PrivacyRequired, "Logging in needs an encrypted connection");
/// STORE, EXPUNGE, MOVE after EXAMINE.
pub const READ_ONLY: Say<'_> = no(Code::ReadOnly, "The folder is open for reading only");

// Login.
/// AUTHENTICATE with a mechanism that is not offered.
pub const MECHANISM: Say<'_> = no(Code::Cannot, "Unknown authentication mechanism");
/// Wrong name or password; nobody learns which.
pub const WRONG_LOGIN: Say<'_> = no(Code::AuthenticationFailed, "Authentication failed");
/// An authorization identity that is somebody else.
pub const WRONG_IDENTITY: Say<'_> = no(Code::AuthorizationFailed, "Not allowed to act for somebody else");
/// The throttle.
pub const SLOW_DOWN: Say<'_> = no(Code::Unavailable, "Too many failed logins, try again later");
/// The hashing queue is full.
pub const BUSY: Say<'_> = no(Code::Unavailable, "Too busy to check the password, try again later");

// Folders.
/// There is no such folder.
pub const NO_SUCH_FOLDER: Say<'_> = no(Code::NonExistent, "There is no such folder");
/// The target of COPY, MOVE, APPEND.
pub const TRY_CREATE: Say<'_> = no(Code::TryCreate, "There is no such folder; create it first");
/// CREATE, RENAME.
pub const FOLDER_EXISTS: Say<'_> = no(Code::AlreadyExists, "A folder of that name exists already");
/// UTF8 (...) in APPEND (RFC 6855 s4).
pub const ENABLE_UTF8_FIRST: Say<'_> = no(Code::Cannot, "A message in UTF8 needs ENABLE UTF8=ACCEPT first");
/// A name that no folder can have.
pub const BAD_NAME: Say<'_> = no(Code::Cannot, "A folder cannot have that name");
/// DELETE INBOX, CREATE INBOX, RENAME to INBOX.
pub const INBOX_STAYS: Say<'_> = no(Code::Cannot, "INBOX can be neither made nor deleted");
/// A pattern that is none.
pub const BAD_PATTERN: Say<'_> = no(Code::Cannot, "No folder name can fit this");
/// CREATE ... (USE (...)) (RFC 6154 s3).
pub const BAD_USE: Say<'_> = no(Code::UseAttr, "Unknown special use, or more than one");
/// Another folder has it already.
pub const USE_TAKEN: Say<'_> = no(Code::UseAttr, "Another folder has this special use");
/// `limits` of folders.
pub const TOO_MANY_FOLDERS: Say<'_> = no(Code::Limit, "Too many folders");
/// SETQUOTA (RFC 9208 s4.1.1).
pub const QUOTA_IS_ADMINS: Say<'_> = no(Code::NoPerm, "Quotas are set by the administrator");
/// GETQUOTA of a root that is not the user's.
pub const NO_QUOTA_ROOT: Say<'_> = no(Code::NonExistent, "There is no such quota root");

// Messages.
/// A keyword longer than 64 octets, or not an atom.
pub const BAD_KEYWORD: Say<'_> = no(Code::Limit, "A keyword has at most 64 characters");
/// More than 64 keywords in a folder.
pub const TOO_MANY_KEYWORDS: Say<'_> = no(Code::Limit, "The folder has too many keywords");
/// Over quota (Q15).
pub const OVER_QUOTA: Say<'_> = no(Code::OverQuota, "The mailbox is full");
/// Larger than APPENDLIMIT (RFC 7889 s4).
pub const TOO_BIG: Say<'_> = no(Code::TooBig, "The message is larger than this server takes");
/// `limits` of MULTIAPPEND.
pub const TOO_MANY_MESSAGES: Say<'_> = no(Code::Limit, "Too many messages in one APPEND");
/// APPEND of nothing (RFC 3502 s3).
pub const APPEND_CANCELLED: Say<'_> = no(Code::Cannot, "An empty message cancels the command");
/// The header section is over `limits::HEADER_SECTION`.
pub const HEADER_TOO_BIG: Say<'_> = no(Code::Cannot, "The header section is too large");
/// FETCH of a message that somebody else expunged (RFC 2180 s4.1.3).
pub const VANISHED: Say<'_> = no(Code::ExpungeIssued, "Some of the messages no longer exist");
/// A charset that we do not know.
pub const BAD_CHARSET: Say<'_> = no(Code::BadCharset, "Unknown charset");
/// `$` whose messages are not saved.
pub const NOT_SAVED: Say<'_> = no(Code::NotSaved, "The result could not be saved");

// The disk.
/// It is absent or failing.
pub const NO_DISK: Say<'_> = no(Code::Unavailable, "Mail storage is not available now, try later");
/// Below the reserve.
pub const NO_ROOM: Say<'_> = no(Code::Unavailable, "No room to store mail now, try later");
/// A damaged record.
pub const DAMAGED: Say<'_> = no(Code::Corruption, "The stored mail is damaged, tell the administrator");
/// Something of ours broke.
pub const OUR_FAULT: Say<'_> = no(Code::ServerBug, "An internal error, try later");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_one_line_whatever_it_is_made_of() {
        let mut out = Vec::new();
        let tag = Tag::parse(b"a1").unwrap();
        LOGGED_IN.with(Code::Capability("IMAP4rev1 IDLE")).tagged(&tag, &mut out);
        Say { status: Status::Bye, code: None, text: "x\r\n* OK y" }.untagged(&mut out);
        Say { status: Status::Ok, code: Some(Code::Capability("A\r\nB")), text: "" }.untagged(&mut out);
        WRONG_LOGIN.tagged(&tag, &mut out);
        let text = "a1 OK [CAPABILITY IMAP4rev1 IDLE] Logged in\r\n* BYE x??* OK y\r\n* OK [CAPABILITY A??B] Done\r\n\
                    a1 NO [AUTHENTICATIONFAILED] Authentication failed\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    #[test]
    fn no_sentence_stands_twice_and_none_needs_cleaning() {
        let mut seen = std::collections::BTreeSet::new();
        let rows = include_str!("say.rs").lines().filter_map(|l| l.strip_prefix("pub const ")?.split_once(" = "));
        for (name, row) in rows {
            assert!(seen.insert(row), "{name}");
            assert!(row.is_ascii(), "{name}");
        }
        assert!(seen.len() > 60, "{}", seen.len());
    }
}
