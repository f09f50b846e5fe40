//! Which names LIST and LSUB show, and with which attributes (RFC 3501 s6.3.8, s6.3.9; RFC 5258; RFC 6154). Pure.
//!
//! Names stand in the order of a tree: what lies below a name follows it at once. So the levels that nobody made, and whether
//! anything below a name is selected, are found by looking at neighbours; no set of levels is built.

use std::cmp::Ordering;

use crate::{
    store::Folder,
    types::{FolderName, Special},
    wire::imap::{ListQuery, ListSelect, Pattern},
};

/// A name that is there, or that somebody is subscribed to.
struct Row {
    name: FolderName,
    folder: Option<Folder>,
    subscribed: bool,
}

/// The names of a mailbox.
pub(super) struct Tree {
    rows: Vec<Row>,
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// The level's name.
    pub name: FolderName,
    /// None: there is no folder of that name.
    pub folder: Option<Folder>,
    /// Somebody is subscribed to it.
    pub subscribed: bool,
    /// A folder lies below it.
    pub has_children: bool,
    /// CHILDINFO: something below it is what RECURSIVEMATCH looks for (RFC 5258 s3.5).
    pub child_info: bool,
}

impl Listed {
    /// RFC 6154; None for an ordinary folder.
    pub fn special(&self) -> Special {
        self.folder.as_ref().map_or(Special::None, |folder| folder.special)
    }
}

/// A level of the tree: a row, or one that only what lies below it makes.
#[derive(Clone, Copy)]
pub(super) struct Level {
    /// The row it is, or the first one below it.
    row: usize,
    /// Octets of the name that are this level's.
    len: usize,
}

/// Levels before others, INBOX before all: `a`, `a/b`, `a-b`.
fn order(a: &str, b: &str) -> Ordering {
    let is_inbox = |name: &str| name == "INBOX" || name.starts_with("INBOX/");
    let level = |octet: u8| if octet == b'/' { 0 } else { octet };
    is_inbox(b).cmp(&is_inbox(a)).then_with(|| a.bytes().map(level).cmp(b.bytes().map(level)))
}

fn lies_below(name: &str, above: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

impl Tree {
    /// Folders, and names that are subscribed to, whether they exist or not.
    pub fn new(folders: Vec<Folder>, subscriptions: Vec<FolderName>) -> Self {
        let there = folders.into_iter().map(|folder| {
            let name = folder.name.clone();
            Row { name, folder: Some(folder), subscribed: false }
        });
        let named = subscriptions.into_iter().map(|name| Row { name, folder: None, subscribed: true });
        let mut rows: Vec<Row> = there.chain(named).collect();
        // The sort is stable: a folder stands before the subscription of its name.
        rows.sort_by(|a, b| order(a.name.as_str(), b.name.as_str()));
        rows.dedup_by(|subscription, folder| {
            let same = subscription.name == folder.name;
            folder.subscribed |= same && subscription.subscribed;
            same
        });
        Tree { rows }
    }

    /// Every level, in order: those that nobody made stand before what lies below them.
    pub fn levels(&self) -> impl Iterator<Item = Level> + '_ {
        let names = self.rows.iter().map(|row| row.name.as_str());
        let before = std::iter::once("").chain(names.clone());
        names.zip(before).enumerate().flat_map(|(row, (name, before))| {
            let ends = name.match_indices('/').map(|(at, _)| at);
            let new = ends.filter(move |end| before != &name[..*end] && !lies_below(before, &name[..*end]));
            new.chain(std::iter::once(name.len())).map(move |len| Level { row, len })
        })
    }

    /// A level's name.
    pub fn name(&self, level: Level) -> &str {
        &self.rows[level.row].name.as_str()[..level.len]
    }

    fn row(&self, level: Level) -> Option<&Row> {
        self.rows.get(level.row).filter(|row| row.name.as_str().len() == level.len)
    }

    fn below<'a>(&'a self, level: Level) -> impl Iterator<Item = &'a Row> + 'a {
        let name = self.name(level);
        let first = level.row + usize::from(self.row(level).is_some());
        self.rows[first..].iter().take_while(move |row| lies_below(row.name.as_str(), name))
    }

    fn listed(&self, level: Level, child_info: bool) -> Listed {
        let row = self.row(level);
        let name = &self.rows[level.row].name;
        Listed {
            name: name.above().find(|above| above.as_str().len() == level.len).unwrap_or_else(|| name.clone()),
            folder: row.and_then(|row| row.folder.clone()),
            subscribed: row.is_some_and(|row| row.subscribed),
            has_children: self.below(level).any(|row| row.folder.is_some()),
            child_info,
        }
    }

    /// The line of LIST for a level whose name fits a pattern; None when it is not selected.
    pub fn list(&self, level: Level, select: ListSelect) -> Option<Listed> {
        let picked = |row: &Row| picks(select, row);
        let child_info = select.recursive_match && self.below(level).any(picked);
        let is_picked = match self.row(level) {
            Some(row) if picks_all(select) => row.folder.is_some() || self.below(level).any(picked),
            Some(row) => picked(row),
            None => picks_all(select) && self.below(level).any(picked),
        };
        (is_picked || child_info).then(|| self.listed(level, child_info))
    }

    /// The line of LSUB for a level whose name fits `pattern`. A level that is not subscribed to is shown, as one that cannot
    /// be selected, when `%` stopped before something below it that is (RFC 3501 s6.3.9).
    pub fn lsub(&self, level: Level, pattern: &Pattern) -> Option<Listed> {
        if self.row(level).is_some_and(|row| row.subscribed) {
            return Some(self.listed(level, false));
        }
        let hides = |row: &Row| row.subscribed && !pattern.matches(row.name.as_str());
        let shown = pattern.as_str().contains('%') && self.below(level).any(hides);
        shown.then(|| Listed { folder: None, ..self.listed(level, false) })
    }
}

/// No selection option: every folder.
fn picks_all(select: ListSelect) -> bool {
    !select.subscribed && !select.special_use
}

fn picks(select: ListSelect, row: &Row) -> bool {
    let special = row.folder.as_ref().is_some_and(|folder| !matches!(folder.special, Special::None | Special::Inbox));
    // A name that only a subscription has is none for those who do not ask for subscriptions.
    (row.folder.is_some() || select.subscribed)
        && (!select.subscribed || row.subscribed)
        && (!select.special_use || special)
}

/// The patterns of LIST behind the reference name; none for the empty pattern of RFC 5258 s3, which fits nothing.
pub(super) fn patterns(query: &ListQuery) -> Vec<Pattern> {
    let named = query.patterns.iter().filter(|pattern| !pattern.is_empty());
    named.map(|pattern| pattern.under(&query.reference)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{FolderId, ModSeq, Uid};

    fn name(text: &str) -> FolderName {
        FolderName::parse(text).unwrap()
    }

    fn folder(text: &str) -> Folder {
        let name = name(text);
        let special = name.special();
        let (id, next_uid, modseq) = (FolderId(1), Uid(1), ModSeq(1));
        Folder { id, name, special, validity: 1, next_uid, modseq, messages: 0, unseen: 0, deleted: 0, bytes: 0 }
    }

    fn tree(folders: &[&str], subscriptions: &[&str]) -> Tree {
        Tree::new(
            folders.iter().map(|text| folder(text)).collect(),
            subscriptions.iter().map(|text| name(text)).collect(),
        )
    }

    /// `name` with `?` there is no folder, `+` children, `s` subscribed, `c` CHILDINFO.
    fn shown(lines: impl Iterator<Item = Listed>) -> Vec<String> {
        lines
            .map(|line| {
                let marks = [
                    (line.folder.is_none(), "?"),
                    (line.has_children, "+"),
                    (line.subscribed, "s"),
                    (line.child_info, "c"),
                ];
                let marks: String = marks.iter().filter(|(on, _)| *on).map(|(_, mark)| *mark).collect();
                format!("{} {marks}", line.name.as_str()).trim_end().to_owned()
            })
            .collect()
    }

    fn list(tree: &Tree, pattern: &str, select: ListSelect) -> Vec<String> {
        let pattern = Pattern::new(pattern);
        let levels = tree.levels().filter(|level| pattern.matches(tree.name(*level)));
        shown(levels.filter_map(|level| tree.list(level, select)))
    }

    fn lsub(tree: &Tree, pattern: &str) -> Vec<String> {
        let pattern = Pattern::new(pattern);
        let levels = tree.levels().filter(|level| pattern.matches(tree.name(*level)));
        shown(levels.filter_map(|level| tree.lsub(level, &pattern)))
    }

    const ALL: ListSelect = ListSelect { subscribed: false, remote: false, recursive_match: false, special_use: false };
    const SUBSCRIBED: ListSelect = ListSelect { subscribed: true, ..ALL };

    #[test]
    fn inbox_is_first_and_what_lies_below_a_name_follows_it() {
        let tree = tree(&["a-b", "a/b", "INBOX/x", "a", "INBOX", "INBOXES"], &[]);
        assert_eq!(list(&tree, "*", ALL), ["INBOX +", "INBOX/x", "INBOXES", "a +", "a/b", "a-b"]);
    }

    #[test]
    fn levels_that_nobody_made_are_shown_as_no_folders() {
        let tree = tree(&["INBOX", "a/b/c", "a/b/d", "a/x", "ab/c"], &[]);
        assert_eq!(list(&tree, "%", ALL), ["INBOX", "a ?+", "ab ?+"]);
        assert_eq!(list(&tree, "a/%", ALL), ["a/b ?+", "a/x"]);
        assert_eq!(list(&tree, "*", ALL), ["INBOX", "a ?+", "a/b ?+", "a/b/c", "a/b/d", "a/x", "ab ?+", "ab/c"]);
    }

    #[test]
    fn subscriptions_without_a_folder_are_shown_only_to_who_asks_for_subscriptions() {
        let tree = tree(&["INBOX", "a"], &["INBOX", "gone/x"]);
        assert_eq!(list(&tree, "*", ALL), ["INBOX s", "a"]);
        assert_eq!(list(&tree, "*", SUBSCRIBED), ["INBOX s", "gone/x ?s"]);
        assert_eq!(list(&tree, "%", SUBSCRIBED), ["INBOX s"]);
    }

    /// RFC 5258 s5, examples 5 to 9, shortened.
    #[test]
    fn recursive_match_finds_the_parents_of_what_is_selected() {
        let tree =
            tree(&["INBOX", "foo2", "foo2/bar1", "eps2/x", "qux2/bar2"], &["foo2/bar2", "baz2/bar22", "qux2/bar2"]);
        let select = ListSelect { recursive_match: true, ..SUBSCRIBED };
        assert_eq!(
            list(&tree, "*2", select),
            ["baz2 ?c", "baz2/bar22 ?s", "foo2 +c", "foo2/bar2 ?s", "qux2 ?+c", "qux2/bar2 s"]
        );
        assert_eq!(list(&tree, "%", select), ["baz2 ?c", "foo2 +c", "qux2 ?+c"]);
        assert_eq!(list(&tree, "%", SUBSCRIBED), [""; 0]);
    }

    #[test]
    fn folders_with_a_use_can_be_asked_for() {
        let tree = tree(&["INBOX", "Sent", "work/Archive", "Trash"], &["Trash"]);
        let special = ListSelect { special_use: true, ..ALL };
        assert_eq!(list(&tree, "*", special), ["Sent", "Trash s"]);
        assert_eq!(list(&tree, "*", ListSelect { subscribed: true, ..special }), ["Trash s"]);
        let nested = self::tree(&["INBOX", "work/x"], &[]);
        assert_eq!(list(&nested, "%", ListSelect { recursive_match: true, ..special }), [""; 0]);
    }

    /// RFC 3501 s6.3.9: foo/bar is subscribed, foo is not.
    #[test]
    fn lsub_with_a_percent_sign_shows_the_level_above() {
        let tree = tree(&["INBOX", "foo", "foo/bar", "top"], &["foo/bar", "top", "far/away"]);
        assert_eq!(lsub(&tree, "%"), ["far ?", "foo ?+", "top s"]);
        assert_eq!(lsub(&tree, "*"), ["far/away ?s", "foo/bar s", "top s"]);
        assert_eq!(lsub(&tree, "foo/%"), ["foo/bar s"]);
    }

    #[test]
    fn a_thousand_deep_names_share_their_levels() {
        let deep: Vec<String> = (0..1000).map(|n| format!("a/b/c/d/{n}")).collect();
        let deep: Vec<&str> = deep.iter().map(String::as_str).collect();
        let tree = tree(&deep, &[]);
        assert_eq!(tree.levels().count(), 1004);
        assert_eq!(list(&tree, "a/%", ALL), ["a/b ?+"]);
    }
}
