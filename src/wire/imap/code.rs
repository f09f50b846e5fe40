//! Response codes: why, for a program (RFC 3501 s7.1, 5530 and the extensions).

use super::{Ranges, flags, text};
use crate::types::{Keyword, ModSeq, Uid};

/// What stands in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code<'a> {
    /// A person must see the text (RFC 3501 s7.1).
    Alert,
    /// The charset of SEARCH is not known.
    BadCharset,
    /// What we can do, words with blanks between them.
    Capability(&'a str),
    /// A message that cannot be taken apart.
    Parse,
    /// Flags that can be changed for good; `create`: and new keywords made.
    PermanentFlags {
        /// Keywords of the folder.
        keywords: &'a [Keyword],
        /// Whether anything may be changed at all.
        writable: bool,
        /// `\*`
        create: bool,
    },
    /// The folder was opened by EXAMINE.
    ReadOnly,
    /// The folder was opened by SELECT.
    ReadWrite,
    /// The target does not exist, but could be made.
    TryCreate,
    /// The next message's UID.
    UidNext(Uid),
    /// UIDVALIDITY
    UidValidity(u32),
    /// Number of the first message without \Seen.
    Unseen(u32),
    /// What APPEND made (RFC 4315 s3).
    AppendUid {
        /// Of the target.
        validity: u32,
        /// In the order of the messages.
        uids: &'a Ranges,
    },
    /// What COPY and MOVE made (RFC 4315 s3).
    CopyUid {
        /// Of the target.
        validity: u32,
        /// In the source.
        from: &'a Ranges,
        /// In the target, in the same order.
        to: &'a Ranges,
    },
    /// The folder left the selected state (RFC 7162 s3.2.11).
    Closed,
    /// The highest MODSEQ of the folder (RFC 7162 s3.1.2.1).
    HighestModSeq(ModSeq),
    /// Messages that UNCHANGEDSINCE kept from being changed: numbers, or UIDs (RFC 7162 s3.1.3).
    Modified(&'a Ranges),
    /// The result of SEARCH could not be saved (RFC 5182 s2.1).
    NotSaved,
    /// A literal or a message larger than we take (RFC 4469 s5, RFC 7889 s4).
    TooBig,
    /// The use of CREATE is not known, or taken (RFC 6154 s3).
    UseAttr,
    /// RFC 5530 s3, and so all below: ours, try later.
    Unavailable,
    /// The name or the password.
    AuthenticationFailed,
    /// The name may not act for the other one.
    AuthorizationFailed,
    /// Not without TLS.
    PrivacyRequired,
    /// Somebody must come.
    ContactAdmin,
    /// Not allowed to this one.
    NoPerm,
    /// Somebody else is at it.
    InUse,
    /// Messages were expunged meanwhile.
    ExpungeIssued,
    /// Stored mail is damaged.
    Corruption,
    /// A bug of ours.
    ServerBug,
    /// A bug of the client.
    ClientBug,
    /// It can never be done.
    Cannot,
    /// A limit that is not the quota.
    Limit,
    /// The quota.
    OverQuota,
    /// The name is taken.
    AlreadyExists,
    /// There is no such thing.
    NonExistent,
}

impl Code<'_> {
    /// In brackets.
    pub fn write(&self, out: &mut Vec<u8>) {
        let numbers = |out: &mut Vec<u8>, word: &str, rest: String| put(out, &format!("[{word} {rest}]"));
        match self {
            Code::Capability(words) => numbers(out, "CAPABILITY", text::one_line(words)),
            Code::PermanentFlags { keywords, writable, create } => {
                put(out, "[PERMANENTFLAGS ");
                flags::write_permanent(out, keywords, *writable, *create);
                put(out, "]");
            }
            Code::UidNext(uid) => numbers(out, "UIDNEXT", uid.0.to_string()),
            Code::UidValidity(validity) => numbers(out, "UIDVALIDITY", validity.to_string()),
            Code::Unseen(number) => numbers(out, "UNSEEN", number.to_string()),
            Code::AppendUid { validity, uids } => numbers(out, "APPENDUID", format!("{validity} {uids}")),
            Code::CopyUid { validity, from, to } => numbers(out, "COPYUID", format!("{validity} {from} {to}")),
            Code::HighestModSeq(modseq) => numbers(out, "HIGHESTMODSEQ", modseq.0.to_string()),
            Code::Modified(set) => numbers(out, "MODIFIED", set.to_string()),
            Code::Alert => put(out, "[ALERT]"),
            // Others are known too; these are what mail is written in here.
            Code::BadCharset => put(out, "[BADCHARSET (US-ASCII UTF-8 KOI8-R WINDOWS-1251)]"),
            Code::Parse => put(out, "[PARSE]"),
            Code::ReadOnly => put(out, "[READ-ONLY]"),
            Code::ReadWrite => put(out, "[READ-WRITE]"),
            Code::TryCreate => put(out, "[TRYCREATE]"),
            Code::Closed => put(out, "[CLOSED]"),
            Code::NotSaved => put(out, "[NOTSAVED]"),
            Code::TooBig => put(out, "[TOOBIG]"),
            Code::UseAttr => put(out, "[USEATTR]"),
            Code::Unavailable => put(out, "[UNAVAILABLE]"),
            Code::AuthenticationFailed => put(out, "[AUTHENTICATIONFAILED]"),
            Code::AuthorizationFailed => put(out, "[AUTHORIZATIONFAILED]"),
            Code::PrivacyRequired => put(out, "[PRIVACYREQUIRED]"),
            Code::ContactAdmin => put(out, "[CONTACTADMIN]"),
            Code::NoPerm => put(out, "[NOPERM]"),
            Code::InUse => put(out, "[INUSE]"),
            Code::ExpungeIssued => put(out, "[EXPUNGEISSUED]"),
            Code::Corruption => put(out, "[CORRUPTION]"),
            Code::ServerBug => put(out, "[SERVERBUG]"),
            Code::ClientBug => put(out, "[CLIENTBUG]"),
            Code::Cannot => put(out, "[CANNOT]"),
            Code::Limit => put(out, "[LIMIT]"),
            Code::OverQuota => put(out, "[OVERQUOTA]"),
            Code::AlreadyExists => put(out, "[ALREADYEXISTS]"),
            Code::NonExistent => put(out, "[NONEXISTENT]"),
        }
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(code: Code<'_>) -> String {
        let mut out = Vec::new();
        code.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn codes_with_numbers() {
        let (from, to) = (Ranges::of_numbers([304, 319, 320]), Ranges::of_numbers([3956, 3957, 3958]));
        let copied = Code::CopyUid { validity: 38_505, from: &from, to: &to };
        assert_eq!(written(copied), "[COPYUID 38505 304,319:320 3956:3958]");
        assert_eq!(written(Code::AppendUid { validity: 1, uids: &to }), "[APPENDUID 1 3956:3958]");
        assert_eq!(written(Code::Modified(&from)), "[MODIFIED 304,319:320]");
        assert_eq!(written(Code::UidNext(Uid(7))), "[UIDNEXT 7]");
    }

    #[test]
    fn permanent_flags() {
        let keywords = [Keyword::parse("$Forwarded").unwrap()];
        let code = |writable, create| written(Code::PermanentFlags { keywords: &keywords, writable, create });
        let all = "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded";
        assert_eq!(code(true, true), format!("[PERMANENTFLAGS ({all} \\*)]"));
        assert_eq!(code(true, false), format!("[PERMANENTFLAGS ({all})]"));
        assert_eq!(code(false, true), "[PERMANENTFLAGS ()]");
    }
}
