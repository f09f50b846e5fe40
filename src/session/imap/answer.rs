//! How a command ends, until its tagged line is written: what others did is told before that.

use crate::wire::imap::{Code, Ranges, Say, Status, Tag};

/// A sentence, and what its response code needs.
pub(super) enum Answer {
    /// As it stands in the table.
    Say(Say<'static>),
    /// With `[CAPABILITY ...]`.
    Capable(Say<'static>, String),
    /// With `[COPYUID ...]` (RFC 4315 s3).
    Copied(Say<'static>, Copy),
    /// With `[APPENDUID ...]` (RFC 4315 s3): UIDVALIDITY, and a UID for each message.
    Appended(Say<'static>, u32, Ranges),
    /// With `[MODIFIED ...]` (RFC 7162 s3.1.3).
    Modified(Say<'static>, Ranges),
}

/// What COPY and MOVE made.
pub(super) struct Copy {
    /// UIDVALIDITY of the target.
    pub validity: u32,
    /// UIDs in the source.
    pub from: Ranges,
    /// UIDs in the target, in the same order.
    pub to: Ranges,
}

impl Copy {
    /// The response code.
    pub fn code(&self) -> Code<'_> {
        Code::CopyUid { validity: self.validity, from: &self.from, to: &self.to }
    }
}

impl From<Say<'static>> for Answer {
    fn from(say: Say<'static>) -> Self {
        Answer::Say(say)
    }
}

impl Answer {
    /// Whether the command was done.
    pub fn is_ok(&self) -> bool {
        let say = match self {
            Answer::Say(say) | Answer::Capable(say, _) | Answer::Copied(say, _) => say,
            Answer::Appended(say, ..) | Answer::Modified(say, _) => say,
        };
        say.status == Status::Ok
    }

    /// The tagged line.
    pub fn write(&self, tag: &Tag, out: &mut Vec<u8>) {
        match self {
            Answer::Say(say) => say.tagged(tag, out),
            Answer::Capable(say, words) => say.with(Code::Capability(words)).tagged(tag, out),
            Answer::Copied(say, copy) => say.with(copy.code()).tagged(tag, out),
            Answer::Appended(say, validity, uids) => {
                say.with(Code::AppendUid { validity: *validity, uids }).tagged(tag, out);
            }
            Answer::Modified(say, set) => say.with(Code::Modified(set)).tagged(tag, out),
        }
    }
}
