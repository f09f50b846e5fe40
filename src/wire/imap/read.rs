//! A command's octets, as the cutter gives them, to a value.

use super::{
    BadCommand, Command, FetchItem, FlagList, ListQuery, Returns, SearchKey, Secret, SequenceSet, StatusItem, StoreHow,
    Tag, Verb, fetch, list, name, say,
    scan::{Parsed, Scan},
    search,
};
use crate::{
    limits,
    types::{FolderName, ModSeq, Special},
};

/// Names that ENABLE may list.
const MOST_NAMES: usize = 20;
/// Resources that SETQUOTA may list.
const MOST_RESOURCES: usize = 20;

impl Command {
    /// Reads a command without its line ending, its literals within. `utf8`: ENABLE UTF8=ACCEPT was said. Any octets may come.
    pub fn parse(raw: &[u8], utf8: bool) -> Result<(Tag, Command), BadCommand> {
        let (tag, verb, mut scan) = begin(raw)?;
        let command = arguments(verb, &mut scan, utf8).and_then(|command| scan.end().map(|()| command));
        match command {
            Ok(command) => Ok((tag, command)),
            Err(say) => Err(BadCommand { tag: Some(tag), verb: Some(verb), say }),
        }
    }
}

/// Tag and verb; the arguments are left.
pub(super) fn begin(raw: &[u8]) -> Result<(Tag, Verb, Scan<'_>), BadCommand> {
    let end = raw.iter().position(|b| *b == b' ').unwrap_or(raw.len());
    let tag = Tag::parse(&raw[..end]).ok_or(BadCommand::NO_TAG)?;
    let mut scan = Scan::new(&raw[end..]);
    scan.blanks();
    let word = scan.word();
    let verb = if word.eq_ignore_ascii_case(b"UID") {
        scan.blanks();
        Verb::behind_uid(scan.word())
    } else {
        Verb::named(word)
    };
    let missing = word.is_empty() && scan.rest().is_empty();
    let say = if missing { say::NO_COMMAND } else { say::UNKNOWN };
    match verb {
        Some(verb) => Ok((tag, verb, scan)),
        None => Err(BadCommand { tag: Some(tag), verb: None, say }),
    }
}

fn arguments(verb: Verb, scan: &mut Scan<'_>, utf8: bool) -> Parsed<Command> {
    if let Some(command) = alone(verb) {
        return Ok(command);
    }
    scan.space()?;
    let mut folder = |bad| name::folder(scan, utf8, bad);
    match verb {
        Verb::Delete => Ok(Command::Delete(folder(say::NO_SUCH_FOLDER)?)),
        Verb::Subscribe => Ok(Command::Subscribe(folder(say::BAD_NAME)?)),
        Verb::Unsubscribe => Ok(Command::Unsubscribe(folder(say::NO_SUCH_FOLDER)?)),
        Verb::GetQuotaRoot => Ok(Command::GetQuotaRoot(folder(say::NO_SUCH_FOLDER)?)),
        Verb::Id => id(scan),
        Verb::List => Ok(Command::List(Box::new(ListQuery::scan(scan, utf8)?))),
        Verb::Authenticate => authenticate(scan),
        Verb::Login => login(scan),
        Verb::Enable => enable(scan),
        Verb::Select => open(scan, utf8).map(|(name, condstore)| Command::Select { name, condstore }),
        Verb::Examine => open(scan, utf8).map(|(name, condstore)| Command::Examine { name, condstore }),
        Verb::Create => create(scan, utf8),
        Verb::Rename => rename(scan, utf8),
        Verb::Lsub => lsub(scan, utf8),
        Verb::Status => status(scan, utf8),
        Verb::GetQuota => Ok(Command::GetQuota(text(scan)?)),
        Verb::SetQuota => set_quota(scan),
        Verb::UidExpunge => Ok(Command::UidExpunge(SequenceSet::scan(scan)?)),
        Verb::Search => search(scan, false, utf8),
        Verb::UidSearch => search(scan, true, utf8),
        Verb::Fetch => fetch(scan, false),
        Verb::UidFetch => fetch(scan, true),
        Verb::Store => store(scan, false),
        Verb::UidStore => store(scan, true),
        Verb::Copy => target(scan, utf8).map(|(set, name)| Command::Copy { uid: false, set, name }),
        Verb::UidCopy => target(scan, utf8).map(|(set, name)| Command::Copy { uid: true, set, name }),
        Verb::Move => target(scan, utf8).map(|(set, name)| Command::Move { uid: false, set, name }),
        Verb::UidMove => target(scan, utf8).map(|(set, name)| Command::Move { uid: true, set, name }),
        // The cutter gives APPEND apart; without a message it is none. The others came above.
        Verb::Append | Verb::Capability | Verb::Noop | Verb::Logout | Verb::StartTls => Err(say::SYNTAX),
        Verb::Namespace | Verb::Idle | Verb::Check | Verb::Close | Verb::Unselect | Verb::Expunge => Err(say::SYNTAX),
    }
}

/// Commands without arguments.
fn alone(verb: Verb) -> Option<Command> {
    const ALONE: [Command; 10] = [
        Command::Capability,
        Command::Noop,
        Command::Logout,
        Command::StartTls,
        Command::Namespace,
        Command::Idle,
        Command::Check,
        Command::Close,
        Command::Unselect,
        Command::Expunge,
    ];
    ALONE.into_iter().find(|command| command.verb() == verb)
}

/// A string for people: what is no UTF-8 in it becomes U+FFFD.
fn text(scan: &mut Scan<'_>) -> Parsed<String> {
    Ok(String::from_utf8_lossy(&scan.astring()?).into_owned())
}

/// RFC 2971 s3.1. Many clients send values that are empty, some send no list at all.
fn id(scan: &mut Scan<'_>) -> Parsed<Command> {
    if scan.keyword("NIL") {
        return Ok(Command::Id(Vec::new()));
    }
    let pairs = scan.list(limits::IMAP_ID_PAIRS, |scan| {
        let name = String::from_utf8_lossy(&scan.string()?).into_owned();
        scan.space()?;
        let value = scan.nstring()?;
        Ok((name, value.map(|v| String::from_utf8_lossy(&v).into_owned())))
    })?;
    Ok(Command::Id(pairs))
}

fn authenticate(scan: &mut Scan<'_>) -> Parsed<Command> {
    let mechanism = scan.atom()?.to_ascii_uppercase();
    let initial = if scan.more() { Some(Secret(scan.astring()?)) } else { None };
    Ok(Command::Authenticate { mechanism, initial })
}

/// A name with a control character stands in no directory, and must not stand in the journal.
fn login(scan: &mut Scan<'_>) -> Parsed<Command> {
    let user = text(scan)?;
    scan.space()?;
    let password = Secret(scan.astring()?);
    if user.chars().any(char::is_control) {
        return Err(say::CONTROL);
    }
    Ok(Command::Login { user, password })
}

fn enable(scan: &mut Scan<'_>) -> Parsed<Command> {
    let mut names = vec![scan.atom()?.to_ascii_uppercase()];
    while scan.more() {
        if names.len() == MOST_NAMES {
            return Err(say::TOO_MANY);
        }
        names.push(scan.atom()?.to_ascii_uppercase());
    }
    Ok(Command::Enable(names))
}

fn open(scan: &mut Scan<'_>, utf8: bool) -> Parsed<(FolderName, bool)> {
    let name = name::folder(scan, utf8, say::NO_SUCH_FOLDER)?;
    let mut condstore = false;
    if scan.more() {
        scan.list(MOST_NAMES, |scan| {
            condstore = scan.keyword("CONDSTORE");
            if condstore { Ok(()) } else { Err(say::BAD_OPTION) }
        })?;
    }
    Ok((name, condstore))
}

fn create(scan: &mut Scan<'_>, utf8: bool) -> Parsed<Command> {
    let name = name::folder(scan, utf8, say::BAD_NAME)?;
    let mut special = Special::None;
    if scan.more() {
        scan.need(b'(')?;
        scan.blanks();
        if !scan.keyword("USE") {
            return Err(say::BAD_OPTION);
        }
        scan.space()?;
        let uses = scan.list(MOST_NAMES, special_use)?;
        special = match uses.as_slice() {
            [] => Special::None,
            [one] => *one,
            _ => return Err(say::BAD_USE),
        };
        scan.blanks();
        scan.need(b')')?;
    }
    Ok(Command::Create { name, special })
}

/// Uses that a folder can be made for, by their names (RFC 6154 s2).
pub(super) const USES: [(Special, &str); 5] = [
    (Special::Sent, "\\Sent"),
    (Special::Drafts, "\\Drafts"),
    (Special::Junk, "\\Junk"),
    (Special::Trash, "\\Trash"),
    (Special::Archive, "\\Archive"),
];

fn special_use(scan: &mut Scan<'_>) -> Parsed<Special> {
    scan.need(b'\\')?;
    let word = scan.atom()?;
    let known = USES.iter().find(|(_, name)| name[1..].eq_ignore_ascii_case(word));
    known.map(|(special, _)| *special).ok_or(say::BAD_USE)
}

fn rename(scan: &mut Scan<'_>, utf8: bool) -> Parsed<Command> {
    let from = name::folder(scan, utf8, say::NO_SUCH_FOLDER)?;
    scan.space()?;
    Ok(Command::Rename { from, to: name::folder(scan, utf8, say::BAD_NAME)? })
}

fn lsub(scan: &mut Scan<'_>, utf8: bool) -> Parsed<Command> {
    let reference = list::reference(scan, utf8)?;
    scan.space()?;
    Ok(Command::Lsub { reference, pattern: list::pattern(scan, utf8)? })
}

fn status(scan: &mut Scan<'_>, utf8: bool) -> Parsed<Command> {
    let name = name::folder(scan, utf8, say::NO_SUCH_FOLDER)?;
    scan.space()?;
    Ok(Command::Status { name, items: StatusItem::scan_list(scan)? })
}

fn set_quota(scan: &mut Scan<'_>) -> Parsed<Command> {
    let root = text(scan)?;
    scan.space()?;
    let limits = scan.list(MOST_RESOURCES, |scan| {
        let name = scan.atom()?.to_ascii_uppercase();
        scan.space()?;
        Ok((name, scan.number64()?))
    })?;
    Ok(Command::SetQuota { root, limits })
}

fn search(scan: &mut Scan<'_>, uid: bool, utf8: bool) -> Parsed<Command> {
    let mut returns = None;
    if scan.keyword("RETURN") {
        scan.space()?;
        returns = Some(Returns::scan(scan)?);
        scan.space()?;
    }
    let charset = search::charset(scan, utf8)?;
    Ok(Command::Search { uid, charset, key: Box::new(SearchKey::scan_all(scan)?), returns })
}

fn fetch(scan: &mut Scan<'_>, uid: bool) -> Parsed<Command> {
    let set = SequenceSet::scan(scan)?;
    scan.space()?;
    let items: Vec<FetchItem> = fetch::items(scan)?;
    let changed_since = if scan.more() { Some(modifier(scan, "CHANGEDSINCE")?) } else { None };
    Ok(Command::Fetch { uid, set, items, changed_since })
}

fn store(scan: &mut Scan<'_>, uid: bool) -> Parsed<Command> {
    let set = SequenceSet::scan(scan)?;
    scan.space()?;
    let mut unchanged_since = None;
    if scan.peek() == Some(b'(') {
        unchanged_since = Some(modifier(scan, "UNCHANGEDSINCE")?);
        scan.space()?;
    }
    let how = if scan.take(b'+') {
        StoreHow::Add
    } else if scan.take(b'-') {
        StoreHow::Remove
    } else {
        StoreHow::Replace
    };
    let silent = scan.keyword("FLAGS.SILENT");
    if !silent && !scan.keyword("FLAGS") {
        return Err(say::BAD_ITEM);
    }
    scan.space()?;
    Ok(Command::Store { uid, set, unchanged_since, how, silent, flags: FlagList::scan_all(scan)? })
}

/// `(NAME modseq)`
fn modifier(scan: &mut Scan<'_>, name: &str) -> Parsed<ModSeq> {
    scan.need(b'(')?;
    scan.blanks();
    if !scan.keyword(name) {
        return Err(say::BAD_OPTION);
    }
    scan.space()?;
    let modseq = modseq(scan)?;
    scan.blanks();
    scan.need(b')')?;
    Ok(modseq)
}

/// RFC 7162 s7 mod-sequence-valzer: 63 bits.
pub(super) fn modseq(scan: &mut Scan<'_>) -> Parsed<ModSeq> {
    let number = scan.number64()?;
    if i64::try_from(number).is_ok() { Ok(ModSeq(number)) } else { Err(say::BAD_NUMBER) }
}

/// A set and where it goes.
fn target(scan: &mut Scan<'_>, utf8: bool) -> Parsed<(SequenceSet, FolderName)> {
    let set = SequenceSet::scan(scan)?;
    scan.space()?;
    Ok((set, name::folder(scan, utf8, say::BAD_NAME)?))
}

#[cfg(test)]
mod tests {
    use super::{super::Say, *};

    fn parse(line: &str) -> Result<Command, Option<Verb>> {
        match Command::parse(line.as_bytes(), false) {
            Ok((tag, command)) => {
                assert_eq!(tag.as_str(), line.split(' ').next().unwrap());
                Ok(command)
            }
            Err(bad) => Err(bad.verb),
        }
    }

    fn sentence(line: &str) -> Say<'static> {
        Command::parse(line.as_bytes(), false).unwrap_err().say
    }

    fn folder(name: &str) -> FolderName {
        FolderName::parse(name).unwrap()
    }

    #[test]
    fn the_odd_forms_of_the_field_are_read() {
        let fetch = |uid, text: &str| Command::Fetch {
            uid,
            set: SequenceSet::scan(&mut Scan::new(b"1:*")).unwrap(),
            items: fetch::items(&mut Scan::new(text.as_bytes())).unwrap(),
            changed_since: None,
        };
        for (line, command) in [
            ("a1 noop  ", Command::Noop),
            ("a1  NOOP", Command::Noop),
            ("1 uid fetch 1:* (UID FLAGS)", fetch(true, "(UID FLAGS)")),
            (
                "1 UID FETCH 1:* (UID RFC822.SIZE FLAGS BODY.PEEK[]<0.100>)",
                fetch(true, "(UID RFC822.SIZE FLAGS BODY.PEEK[]<0.100>)"),
            ),
            ("x FETCH 1:* (FLAGS) ", fetch(false, "FLAGS")),
            ("x FETCH 1:* ALL", fetch(false, "ALL")),
            ("x SELECT inbox", Command::Select { name: FolderName::inbox(), condstore: false }),
            ("x SELECT \"INBOX\" (CONDSTORE)", Command::Select { name: FolderName::inbox(), condstore: true }),
            ("x CREATE \"work/\"", Command::Create { name: folder("work"), special: Special::None }),
            ("x CREATE s (USE (\\sent))", Command::Create { name: folder("s"), special: Special::Sent }),
            ("x ID NIL", Command::Id(Vec::new())),
            (
                "x ID (\"name\" \"Mail\" \"os\" NIL)",
                Command::Id(vec![("name".into(), Some("Mail".into())), ("os".into(), None)]),
            ),
            ("x ENABLE condstore UTF8=Accept", Command::Enable(vec!["CONDSTORE".into(), "UTF8=ACCEPT".into()])),
            ("x DELETE &BD8-", Command::Delete(folder("\u{43f}"))),
            (
                "x STATUS INBOX(MESSAGES)",
                Command::Status { name: FolderName::inbox(), items: vec![StatusItem::Messages] },
            ),
        ] {
            assert_eq!(parse(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn passwords_of_every_shape() {
        for (line, user, password) in [
            ("a LOGIN ann secret", "ann", "secret"),
            ("a LOGIN \"ann@office.test\" \"a \\\"b\\\\\"", "ann@office.test", "a \"b\\"),
            ("a LOGIN {3}\r\nann {8+}\r\n\u{43f}\u{44f}\u{442}\u{44c}", "ann", "\u{43f}\u{44f}\u{442}\u{44c}"),
            ("a login OFFICE\\ann p*%", "OFFICE\\ann", "p*%"),
            ("a LOGIN ann \"\"", "ann", ""),
        ] {
            let expected = Command::Login { user: user.into(), password: Secret(password.into()) };
            assert_eq!(parse(line), Ok(expected), "{line}");
        }
        assert_eq!(sentence("a LOGIN \"a\tb\" c"), say::CONTROL);
        assert!(!format!("{:?}", parse("a LOGIN ann secret")).contains("secret"));
    }

    #[test]
    fn stores_of_every_shape() {
        let store = |line: &str| match parse(line) {
            Ok(Command::Store { unchanged_since, how, silent, .. }) => (unchanged_since, how, silent),
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(store("a STORE 1 FLAGS (\\Seen)"), (None, StoreHow::Replace, false));
        assert_eq!(store("a STORE 1 +flags.silent \\Seen"), (None, StoreHow::Add, true));
        assert_eq!(store("a UID STORE 1:5 (UNCHANGEDSINCE 7) -FLAGS NIL"), (Some(ModSeq(7)), StoreHow::Remove, false));
        assert_eq!(sentence("a STORE 1 FLAGS (\\Unheard)"), say::BAD_FLAG);
    }

    #[test]
    fn a_bad_command_says_whose_it_is() {
        assert_eq!(Command::parse(b"", false), Err(BadCommand::NO_TAG));
        assert_eq!(Command::parse(b"+ NOOP", false), Err(BadCommand::NO_TAG));
        assert_eq!(Command::parse(b" NOOP", false), Err(BadCommand::NO_TAG));
        assert_eq!(sentence("a"), say::NO_COMMAND);
        assert_eq!(sentence("a "), say::NO_COMMAND);
        assert_eq!(sentence("a XLIST"), say::UNKNOWN);
        assert_eq!(sentence("a UID NOOP"), say::UNKNOWN);
        assert_eq!(sentence("a SELECT a//b"), say::NO_SUCH_FOLDER);
        assert_eq!(sentence("a CREATE \"\""), say::BAD_NAME);
        assert_eq!(sentence("a CREATE x (USE (\\All))"), say::BAD_USE);
        for (line, verb) in [
            ("a NOOP x", Verb::Noop),
            ("a SELECT", Verb::Select),
            ("a SELECT a b", Verb::Select),
            ("a SELECT a (QRESYNC (1 2))", Verb::Select),
            ("a FETCH 1", Verb::Fetch),
            ("a FETCH 1 FLAGS (VANISHED)", Verb::Fetch),
            ("a APPEND INBOX", Verb::Append),
            ("a UID EXPUNGE", Verb::UidExpunge),
            ("a LOGIN ann", Verb::Login),
            ("a ID (a)", Verb::Id),
        ] {
            assert_eq!(parse(line), Err(Some(verb)), "{line}");
        }
    }
}
