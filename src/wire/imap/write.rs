//! Commands as a client says them.

use std::io::Write;

use super::{Command, FetchItem, StatusItem, StoreHow, Tag, name, read, text};
use crate::types::{FolderName, ModSeq, Special};

impl Command {
    /// The command with CRLF, literals within that wait for nobody (RFC 7888 s4).
    pub fn write(&self, tag: &Tag, utf8: bool, out: &mut Vec<u8>) {
        let _ = write!(out, "{tag} {}", self.verb().name());
        match self {
            Command::Capability | Command::Noop | Command::Logout | Command::StartTls | Command::Namespace => {}
            Command::Idle | Command::Check | Command::Close | Command::Unselect | Command::Expunge => {}
            Command::Id(pairs) => id(pairs, out),
            Command::Authenticate { mechanism, initial } => {
                let _ = write!(out, " {mechanism}");
                if let Some(initial) = initial {
                    argument(&initial.0, out);
                }
            }
            Command::Login { user, password } => {
                argument(user.as_bytes(), out);
                argument(&password.0, out);
            }
            Command::Enable(names) => words(names.iter().map(String::as_str), out),
            Command::Select { name, condstore } | Command::Examine { name, condstore } => {
                folder(name, utf8, out);
                words(condstore.then_some("(CONDSTORE)").into_iter(), out);
            }
            Command::Create { name, special } => create(name, *special, utf8, out),
            Command::Delete(name) | Command::Subscribe(name) | Command::Unsubscribe(name) => folder(name, utf8, out),
            Command::GetQuotaRoot(name) => folder(name, utf8, out),
            Command::Rename { from, to } => {
                folder(from, utf8, out);
                folder(to, utf8, out);
            }
            Command::List(query) => query.write(utf8, out),
            Command::Lsub { reference, pattern } => {
                argument(name::spell(reference, utf8).as_bytes(), out);
                argument(name::spell(pattern.as_str(), utf8).as_bytes(), out);
            }
            Command::Status { name, items } => {
                folder(name, utf8, out);
                out.push(b' ');
                StatusItem::write_list(items, out);
            }
            Command::GetQuota(root) => argument(root.as_bytes(), out),
            Command::SetQuota { root, limits } => {
                argument(root.as_bytes(), out);
                let limits: Vec<_> = limits.iter().map(|(name, n)| format!("{name} {n}")).collect();
                let _ = write!(out, " ({})", limits.join(" "));
            }
            Command::UidExpunge(set) => words([set.to_string().as_str()].into_iter(), out),
            Command::Search { .. } => self.search(out),
            Command::Fetch { set, items, changed_since, .. } => {
                let _ = write!(out, " {set} ");
                fetch(items, out);
                modifier("CHANGEDSINCE", *changed_since, out);
            }
            Command::Store { .. } => self.store(out),
            Command::Copy { set, name, .. } | Command::Move { set, name, .. } => {
                let _ = write!(out, " {set}");
                folder(name, utf8, out);
            }
        }
        out.extend_from_slice(b"\r\n");
    }

    fn search(&self, out: &mut Vec<u8>) {
        let Command::Search { charset, key, returns, .. } = self else { return };
        out.push(b' ');
        if let Some(returns) = returns {
            returns.write(out);
            out.push(b' ');
        }
        if let Some(charset) = charset {
            out.extend_from_slice(b"CHARSET");
            argument(charset.as_bytes(), out);
            out.push(b' ');
        }
        key.write(out);
    }

    fn store(&self, out: &mut Vec<u8>) {
        let Command::Store { set, unchanged_since, how, silent, flags, .. } = self else { return };
        let _ = write!(out, " {set}");
        modifier("UNCHANGEDSINCE", *unchanged_since, out);
        let sign = match how {
            StoreHow::Replace => "",
            StoreHow::Add => "+",
            StoreHow::Remove => "-",
        };
        let _ = write!(out, " {sign}FLAGS{} ", if *silent { ".SILENT" } else { "" });
        flags.write(out);
    }
}

fn argument(octets: &[u8], out: &mut Vec<u8>) {
    out.push(b' ');
    text::astring(out, octets);
}

fn words<'a>(words: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    for word in words {
        let _ = write!(out, " {word}");
    }
}

pub(super) fn folder(name: &FolderName, utf8: bool, out: &mut Vec<u8>) {
    argument(name::spell(name.as_str(), utf8).as_bytes(), out);
}

fn id(pairs: &[(String, Option<String>)], out: &mut Vec<u8>) {
    out.extend_from_slice(b" (");
    for (n, (name, value)) in pairs.iter().enumerate() {
        out.extend_from_slice(if n > 0 { b" " } else { b"" });
        text::client_string(out, name.as_bytes());
        out.push(b' ');
        match value {
            Some(value) => text::client_string(out, value.as_bytes()),
            None => out.extend_from_slice(b"NIL"),
        }
    }
    out.push(b')');
}

fn create(name: &FolderName, special: Special, utf8: bool, out: &mut Vec<u8>) {
    folder(name, utf8, out);
    if let Some((_, name)) = read::USES.iter().find(|(known, _)| *known == special) {
        let _ = write!(out, " (USE ({name}))");
    }
}

fn fetch(items: &[FetchItem], out: &mut Vec<u8>) {
    for (n, item) in items.iter().enumerate() {
        out.push(if n > 0 { b' ' } else { b'(' });
        item.write(out);
    }
    out.push(b')');
}

fn modifier(name: &str, modseq: Option<ModSeq>, out: &mut Vec<u8>) {
    if let Some(ModSeq(modseq)) = modseq {
        let _ = write!(out, " ({name} {modseq})");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line as it is written again after it was read.
    fn again(line: &str, utf8: bool) -> String {
        let (tag, command) = Command::parse(line.as_bytes(), utf8).unwrap_or_else(|e| panic!("{line}: {e:?}"));
        let mut out = Vec::new();
        command.write(&tag, utf8, &mut out);
        let raw = out.strip_suffix(b"\r\n").unwrap();
        assert_eq!(Command::parse(raw, utf8), Ok((tag, command)), "{line}");
        String::from_utf8(raw.to_vec()).unwrap()
    }

    #[test]
    fn every_command_is_read_as_it_is_written() {
        for line in [
            "a CAPABILITY",
            "a NOOP",
            "a LOGOUT",
            "a ID (\"name\" \"x\" \"os\" NIL)",
            "a STARTTLS",
            "a AUTHENTICATE PLAIN",
            "a AUTHENTICATE SCRAM-SHA-256 biws",
            "a AUTHENTICATE PLAIN =",
            "a LOGIN ann@office.test \"two words\"",
            "a LOGIN {4+}\r\n\u{44f}\u{44e} \"\"",
            "a ENABLE CONDSTORE UTF8=ACCEPT",
            "a SELECT INBOX",
            "a SELECT \"a b\" (CONDSTORE)",
            "a EXAMINE R&-D",
            "a CREATE work/2026",
            "a CREATE old (USE (\\Archive))",
            "a DELETE &BD8-",
            "a RENAME a b",
            "a SUBSCRIBE a",
            "a UNSUBSCRIBE a",
            "a LIST \"\" \"*\"",
            "a LIST (SUBSCRIBED) \"\" (\"*\" \"a/%\") RETURN (CHILDREN STATUS (MESSAGES))",
            "a LSUB \"\" \"*\"",
            "a NAMESPACE",
            "a STATUS INBOX (MESSAGES UIDNEXT)",
            "a IDLE",
            "a GETQUOTA \"\"",
            "a GETQUOTAROOT INBOX",
            "a SETQUOTA \"\" (STORAGE 512 MESSAGE 5)",
            "a CHECK",
            "a CLOSE",
            "a UNSELECT",
            "a EXPUNGE",
            "a UID EXPUNGE 3:5,9",
            "a SEARCH UNSEEN",
            "a UID SEARCH RETURN (MIN COUNT SAVE) CHARSET UTF-8 OR FROM ann (SEEN BODY {2+}\r\n\u{44f})",
            "a FETCH 1:* (FLAGS)",
            "a UID FETCH $ (UID BODY.PEEK[1.HEADER.FIELDS (From)]<0.10>) (CHANGEDSINCE 7)",
            "a STORE 1 +FLAGS.SILENT (\\Seen $Forwarded)",
            "a UID STORE 1 (UNCHANGEDSINCE 7) FLAGS ()",
            "a COPY 1 Trash",
            "a UID COPY 1 Trash",
            "a MOVE 1 Trash",
            "a UID MOVE 1:2 Trash",
        ] {
            assert_eq!(again(line, false), line);
        }
    }

    #[test]
    fn names_in_utf8_after_enable() {
        assert_eq!(again("a SELECT \"\u{43f}&\"", true), "a SELECT {3+}\r\n\u{43f}&");
        assert_eq!(again("a SELECT R&D", true), "a SELECT R&D");
        assert_eq!(again("a SELECT R&D", false), "a SELECT R&-D");
    }
}
