//! Untagged answers (RFC 3501 s7.2 to 7.5): each function writes one, whole, into the output.

use std::io::Write;

use super::{FetchItem, ListSelect, StatusItem, Tag, flags, name, text};
use crate::types::{Flags, FolderName, Keyword, ModSeq, Special, Uid, UnixTime};

/// `+`: the literal may come, or the next answer of AUTHENTICATE (RFC 3501 s7.5).
pub fn go_on(out: &mut Vec<u8>, words: &str) {
    line(out, &format!("+ {}", text::one_line(words)));
}

/// CAPABILITY (RFC 3501 s7.2.1).
pub fn capability(out: &mut Vec<u8>, words: &str) {
    line(out, &format!("* CAPABILITY {}", text::one_line(words)));
}

/// ENABLED (RFC 5161 s3.2).
pub fn enabled(out: &mut Vec<u8>, names: &[&str]) {
    let blank = if names.is_empty() { "" } else { " " };
    line(out, &format!("* ENABLED{blank}{}", names.join(" ")));
}

/// ID (RFC 2971 s3.2); NIL for nothing.
pub fn id(out: &mut Vec<u8>, pairs: &[(&str, &str)]) {
    let _ = write!(out, "* ID ");
    for (n, (name, value)) in pairs.iter().enumerate() {
        out.push(if n > 0 { b' ' } else { b'(' });
        text::string(out, name.as_bytes(), false);
        out.push(b' ');
        text::string(out, value.as_bytes(), false);
    }
    line(out, if pairs.is_empty() { "NIL" } else { ")" });
}

/// NAMESPACE (RFC 2342 s5): one's own folders begin at the root, and there are no others.
pub fn namespace(out: &mut Vec<u8>) {
    line(out, "* NAMESPACE ((\"\" \"/\")) NIL NIL");
}

/// EXISTS
pub fn exists(out: &mut Vec<u8>, messages: u32) {
    line(out, &format!("* {messages} EXISTS"));
}

/// RECENT
pub fn recent(out: &mut Vec<u8>, messages: u32) {
    line(out, &format!("* {messages} RECENT"));
}

/// EXPUNGE
pub fn expunge(out: &mut Vec<u8>, number: u32) {
    line(out, &format!("* {number} EXPUNGE"));
}

/// FLAGS: what the folder knows.
pub fn flags(out: &mut Vec<u8>, keywords: &[Keyword]) {
    let _ = write!(out, "* FLAGS ");
    flags::write_permanent(out, keywords, true, false);
    line(out, "");
}

/// A line of LIST or LSUB.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The folder.
    pub name: &'a FolderName,
    /// It is there: not only subscribed, not only a level above another.
    pub exists: bool,
    /// Whether something lies below it, if that is known (RFC 3348).
    pub children: Option<bool>,
    /// \Subscribed, where it was asked for (RFC 5258 s3.4).
    pub subscribed: bool,
    /// Its use (RFC 6154).
    pub special: Special,
    /// CHILDINFO: something below it is what these options select (RFC 5258 s3.5).
    pub child_info: Option<ListSelect>,
}

/// LIST
pub fn list(out: &mut Vec<u8>, listed: Listed<'_>, utf8: bool) {
    let special = match listed.special {
        Special::None | Special::Inbox => None,
        Special::Sent => Some("\\Sent"),
        Special::Drafts => Some("\\Drafts"),
        Special::Junk => Some("\\Junk"),
        Special::Trash => Some("\\Trash"),
        Special::Archive => Some("\\Archive"),
    };
    // RFC 5258 s3: \NonExistent implies \Noselect; old clients know the latter only.
    let nobody = if listed.exists { None } else { Some("\\NonExistent \\Noselect") };
    let children = listed.children.map(|some| if some { "\\HasChildren" } else { "\\HasNoChildren" });
    let words: Vec<&str> =
        [nobody, children, listed.subscribed.then_some("\\Subscribed"), special].into_iter().flatten().collect();
    let _ = write!(out, "* LIST ({}) \"/\" ", words.join(" "));
    mailbox(out, listed.name, utf8);
    let options = listed.child_info.map(|select| match (select.subscribed, select.special_use) {
        (true, true) => " (\"CHILDINFO\" (\"SUBSCRIBED\" \"SPECIAL-USE\"))",
        (false, true) => " (\"CHILDINFO\" (\"SPECIAL-USE\"))",
        (true, false) | (false, false) => " (\"CHILDINFO\" (\"SUBSCRIBED\"))",
    });
    line(out, options.unwrap_or(""));
}

/// LSUB; `selectable`: it exists and is itself subscribed.
pub fn lsub(out: &mut Vec<u8>, name: &FolderName, selectable: bool, utf8: bool) {
    let _ = write!(out, "* LSUB ({}) \"/\" ", if selectable { "" } else { "\\Noselect" });
    mailbox(out, name, utf8);
    line(out, "");
}

/// What LIST or LSUB says of an empty pattern: the hierarchy delimiter (RFC 3501 s6.3.8).
pub fn delimiter(out: &mut Vec<u8>, answer: &str) {
    line(out, &format!("* {answer} (\\Noselect) \"/\" \"\""));
}

/// STATUS (RFC 3501 s7.2.4). None: NIL, no limit (RFC 7889 s5).
pub fn status(out: &mut Vec<u8>, name: &FolderName, items: &[(StatusItem, Option<u64>)], utf8: bool) {
    let _ = write!(out, "* STATUS ");
    mailbox(out, name, utf8);
    for (n, (item, value)) in items.iter().enumerate() {
        let value = value.map_or_else(|| "NIL".to_owned(), |v| v.to_string());
        let _ = write!(out, "{}{} {value}", if n > 0 { " " } else { " (" }, item.name());
    }
    line(out, if items.is_empty() { " ()" } else { ")" });
}

/// SEARCH, number by number, so that a long one may be sent in pieces.
#[derive(Debug)]
pub struct SearchAnswer(());

impl SearchAnswer {
    /// Begins the answer.
    pub fn begin(out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(b"* SEARCH");
        SearchAnswer(())
    }

    /// One more number.
    pub fn number(&mut self, out: &mut Vec<u8>, number: u32) {
        out.push(b' ');
        text::number(out, number.into());
    }

    /// Ends the answer, with the highest MODSEQ where it was asked for (RFC 7162 s3.1.5).
    pub fn end(self, out: &mut Vec<u8>, modseq: Option<ModSeq>) {
        if let Some(ModSeq(modseq)) = modseq {
            let _ = write!(out, " (MODSEQ {modseq})");
        }
        line(out, "");
    }
}

/// What ESEARCH tells before ALL (RFC 4731 s3.1); what is None is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Esearch {
    /// Numbers are UIDs.
    pub uid: bool,
    /// MIN
    pub min: Option<u32>,
    /// MAX
    pub max: Option<u32>,
    /// COUNT
    pub count: Option<u32>,
    /// MODSEQ (RFC 7162 s3.1.10)
    pub modseq: Option<ModSeq>,
}

/// ESEARCH, range by range, so that a long one may be sent in pieces.
#[derive(Debug)]
pub struct EsearchAnswer {
    any: bool,
}

impl EsearchAnswer {
    /// Begins the answer with what is told before ALL.
    pub fn begin(out: &mut Vec<u8>, tag: &Tag, found: Esearch) -> Self {
        let _ = write!(out, "* ESEARCH (TAG \"{tag}\"){}", if found.uid { " UID" } else { "" });
        let mut number = |word: &str, value: Option<u64>| {
            if let Some(value) = value {
                let _ = write!(out, " {word} {value}");
            }
        };
        number("MIN", found.min.map(u64::from));
        number("MAX", found.max.map(u64::from));
        number("COUNT", found.count.map(u64::from));
        number("MODSEQ", found.modseq.map(|m| m.0));
        EsearchAnswer { any: false }
    }

    /// One more range of ALL, which is left out when there is none.
    pub fn range(&mut self, out: &mut Vec<u8>, (first, last): (u32, u32)) {
        out.extend_from_slice(if std::mem::replace(&mut self.any, true) { b"," } else { b" ALL " });
        let _ = if first == last { write!(out, "{first}") } else { write!(out, "{first}:{last}") };
    }

    /// Ends the answer.
    pub fn end(self, out: &mut Vec<u8>) {
        line(out, "");
    }
}

/// A resource of a quota (RFC 9208 s5): name, use, limit.
pub type Resource<'a> = (&'a str, u64, u64);

/// QUOTA (RFC 9208 s4.2.1).
pub fn quota(out: &mut Vec<u8>, root: &str, resources: &[Resource<'_>]) {
    let _ = write!(out, "* QUOTA ");
    text::string(out, root.as_bytes(), false);
    let resources: Vec<_> = resources.iter().map(|(name, used, limit)| format!("{name} {used} {limit}")).collect();
    line(out, &format!(" ({})", resources.join(" ")));
}

/// QUOTAROOT (RFC 9208 s4.2.2).
pub fn quota_root(out: &mut Vec<u8>, name: &FolderName, roots: &[&str], utf8: bool) {
    let _ = write!(out, "* QUOTAROOT ");
    mailbox(out, name, utf8);
    for root in roots {
        out.push(b' ');
        text::string(out, root.as_bytes(), false);
    }
    line(out, "");
}

/// The name of a folder, in quotes: modified UTF-7, or UTF-8 after ENABLE UTF8=ACCEPT.
pub fn mailbox(out: &mut Vec<u8>, name: &FolderName, utf8: bool) {
    text::string(out, name::spell(name.as_str(), utf8).as_bytes(), utf8);
}

fn line(out: &mut Vec<u8>, rest: &str) {
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// FETCH (RFC 3501 s7.4.2), item by item, so that a body may be sent in pieces between two of them.
#[derive(Debug)]
pub struct FetchAnswer {
    first: bool,
}

impl FetchAnswer {
    /// Begins the answer of one message.
    pub fn begin(out: &mut Vec<u8>, number: u32) -> Self {
        out.extend_from_slice(b"* ");
        text::number(out, number.into());
        out.extend_from_slice(b" FETCH (");
        FetchAnswer { first: true }
    }

    /// UID
    pub fn uid(&mut self, out: &mut Vec<u8>, uid: Uid) {
        self.item(out, &FetchItem::Uid);
        text::number(out, uid.0.into());
    }

    /// FLAGS
    pub fn flags<'a>(
        &mut self,
        out: &mut Vec<u8>,
        flags: Flags,
        keywords: impl Iterator<Item = &'a str>,
        recent: bool,
    ) {
        self.item(out, &FetchItem::Flags);
        flags::write_flags(out, flags, keywords, recent);
    }

    /// MODSEQ
    pub fn modseq(&mut self, out: &mut Vec<u8>, modseq: ModSeq) {
        self.item(out, &FetchItem::ModSeq);
        out.push(b'(');
        text::number(out, modseq.0);
        out.push(b')');
    }

    /// RFC822.SIZE
    pub fn size(&mut self, out: &mut Vec<u8>, octets: u64) {
        self.item(out, &FetchItem::Size);
        text::number(out, octets);
    }

    /// INTERNALDATE, in a zone so many seconds east of UTC.
    pub fn internal_date(&mut self, out: &mut Vec<u8>, date: UnixTime, east: i32) {
        self.item(out, &FetchItem::InternalDate);
        let _ = write!(out, "\"{}\"", super::write_moment(date, east));
    }

    /// ENVELOPE, BODY, BODYSTRUCTURE: a text that is ready to be sent.
    pub fn ready(&mut self, out: &mut Vec<u8>, item: &FetchItem, text: &[u8]) {
        self.item(out, item);
        out.extend_from_slice(text);
    }

    /// A section: so many octets follow, which are not written here.
    pub fn literal(&mut self, out: &mut Vec<u8>, item: &FetchItem, octets: u64) {
        self.item(out, item);
        text::literal(out, octets);
    }

    /// A section that is not there: NIL.
    pub fn nil(&mut self, out: &mut Vec<u8>, item: &FetchItem) {
        self.item(out, item);
        out.extend_from_slice(b"NIL");
    }

    /// A section that is there, and empty: `""` (a part of it that begins behind its end, RFC 3501 s6.4.5).
    pub fn empty(&mut self, out: &mut Vec<u8>, item: &FetchItem) {
        self.item(out, item);
        out.extend_from_slice(b"\"\"");
    }

    /// Ends the answer.
    pub fn end(self, out: &mut Vec<u8>) {
        line(out, ")");
    }

    fn item(&mut self, out: &mut Vec<u8>, item: &FetchItem) {
        if !std::mem::take(&mut self.first) {
            out.push(b' ');
        }
        item.write_answer(out);
        out.push(b' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn folder(name: &str) -> FolderName {
        FolderName::parse(name).unwrap()
    }

    #[test]
    fn a_fetch_is_written_item_by_item() {
        let body = FetchItem::Rfc822Text;
        let answer = said(|out| {
            let mut fetch = FetchAnswer::begin(out, 12);
            fetch.flags(out, Flags::SEEN, ["$Forwarded"].into_iter(), true);
            fetch.uid(out, Uid(7));
            fetch.modseq(out, ModSeq(9));
            fetch.size(out, 4286);
            fetch.internal_date(out, UnixTime(0), 3 * 3600);
            fetch.ready(out, &FetchItem::Envelope, b"(NIL)");
            fetch.nil(out, &body);
            fetch.empty(out, &body);
            fetch.literal(out, &body, 2);
            out.extend_from_slice(b"ab");
            fetch.end(out);
        });
        let expected = "* 12 FETCH (FLAGS (\\Seen \\Recent $Forwarded) UID 7 MODSEQ (9) RFC822.SIZE 4286 \
                        INTERNALDATE \" 1-Jan-1970 03:00:00 +0300\" ENVELOPE (NIL) RFC822.TEXT NIL RFC822.TEXT \"\" \
                        RFC822.TEXT {2}\r\nab)\r\n";
        assert_eq!(answer, expected);
    }

    #[test]
    fn folders_are_listed_with_what_is_known_of_them() {
        let name = folder("Отправленные");
        let listed = Listed {
            name: &name,
            exists: true,
            children: Some(false),
            subscribed: true,
            special: Special::Sent,
            child_info: None,
        };
        let ascii = "* LIST (\\HasNoChildren \\Subscribed \\Sent) \"/\" \"&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-\"\r\n";
        assert_eq!(said(|out| list(out, listed, false)), ascii);
        let child_info = Some(ListSelect { subscribed: true, recursive_match: true, ..ListSelect::default() });
        let gone = Listed { exists: false, children: None, special: Special::None, child_info, ..listed };
        assert_eq!(
            said(|out| list(out, gone, true)),
            "* LIST (\\NonExistent \\Noselect \\Subscribed) \"/\" \"Отправленные\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
        );
        assert_eq!(said(|out| lsub(out, &folder("a\"b"), false, false)), "* LSUB (\\Noselect) \"/\" \"a\\\"b\"\r\n");
        assert_eq!(said(|out| delimiter(out, "LSUB")), "* LSUB (\\Noselect) \"/\" \"\"\r\n");
    }

    #[test]
    fn numbers_of_a_folder() {
        let name = folder("INBOX");
        let items = [(StatusItem::Messages, Some(17)), (StatusItem::AppendLimit, None)];
        assert_eq!(said(|o| status(o, &name, &items, false)), "* STATUS \"INBOX\" (MESSAGES 17 APPENDLIMIT NIL)\r\n");
        assert_eq!(said(|o| exists(o, 3)), "* 3 EXISTS\r\n");
        let keywords = [Keyword::parse("work").unwrap()];
        let known = "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft work)\r\n";
        assert_eq!(said(|o| flags(o, &keywords)), known);
    }

    #[test]
    fn results_of_search() {
        assert_eq!(said(|o| SearchAnswer::begin(o).end(o, None)), "* SEARCH\r\n");
        let answer = said(|out| {
            let mut search = SearchAnswer::begin(out);
            search.number(out, 2);
            search.number(out, 5);
            search.end(out, Some(ModSeq(9)));
        });
        assert_eq!(answer, "* SEARCH 2 5 (MODSEQ 9)\r\n");
        let tag = Tag::parse(b"a1").unwrap();
        let found = Esearch { uid: true, min: Some(1), count: Some(4), ..Esearch::default() };
        let answer = said(|out| {
            let mut all = EsearchAnswer::begin(out, &tag, found);
            all.range(out, (1, 3));
            all.range(out, (9, 9));
            all.end(out);
        });
        assert_eq!(answer, "* ESEARCH (TAG \"a1\") UID MIN 1 COUNT 4 ALL 1:3,9\r\n");
        let nothing = said(|out| EsearchAnswer::begin(out, &tag, Esearch::default()).end(out));
        assert_eq!(nothing, "* ESEARCH (TAG \"a1\")\r\n");
    }

    #[test]
    fn quotas_and_the_rest() {
        assert_eq!(said(|o| quota(o, "", &[("STORAGE", 10, 512)])), "* QUOTA \"\" (STORAGE 10 512)\r\n");
        assert_eq!(said(|o| quota_root(o, &folder("INBOX"), &[""], false)), "* QUOTAROOT \"INBOX\" \"\"\r\n");
        assert_eq!(said(|o| id(o, &[("name", "Gatepost")])), "* ID (\"name\" \"Gatepost\")\r\n");
        assert_eq!(said(|o| id(o, &[])), "* ID NIL\r\n");
        assert_eq!(said(|o| enabled(o, &["CONDSTORE"])), "* ENABLED CONDSTORE\r\n");
        assert_eq!(said(|o| go_on(o, "")), "+ \r\n");
        assert_eq!(said(namespace), "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
        assert_eq!(said(|o| capability(o, "IMAP4rev1")), "* CAPABILITY IMAP4rev1\r\n");
        assert_eq!(said(|o| recent(o, 1)) + &said(|o| expunge(o, 2)), "* 1 RECENT\r\n* 2 EXPUNGE\r\n");
    }
}
