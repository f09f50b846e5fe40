//! What a visitor may: a set of areas, each to look at or to change too. What a request needs stands in the table of
//! `operations`; the two are compared in one place (`reply`), and no hand is asked.

use super::operations::{Area, Scope};

/// What somebody may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    look: u16,
    change: u16,
}

/// A word of a token: areas to look at, areas to change.
struct Word(&'static str, &'static [Area], &'static [Area]);

/// The words that tokens are made of, in the order of help. Together they are everything.
const WORDS: &[Word] = &[
    Word("read", &[Area::Status, Area::Directory, Area::Settings, Area::Certificates], &[]),
    Word("journal", &[Area::Journal], &[Area::Journal]),
    Word("queue", &[Area::Status, Area::Queue], &[Area::Status, Area::Queue]),
    Word("directory", &[Area::Directory], &[Area::Directory]),
    Word("settings", &[Area::Settings, Area::Certificates], &[Area::Settings, Area::Certificates]),
    Word("admin", &[Area::Admins], &[Area::Admins]),
    Word("login", &[Area::Login], &[Area::Login]),
];

fn bits(areas: &[Area]) -> u16 {
    areas.iter().fold(0, |bits, area| bits | 1 << (*area as u16))
}

impl Word {
    fn rights(&self) -> Rights {
        Rights { look: bits(self.1), change: bits(self.2) }
    }
}

impl Rights {
    /// Everything.
    pub fn all() -> Self {
        Rights { look: bits(&Area::ALL), change: bits(&Area::ALL) }
    }

    /// What an administrator may who may only look.
    pub fn look() -> Self {
        Rights { change: 0, ..Rights::all() }
    }

    /// Whether a request may be made that needs this.
    pub fn allow(self, scope: Scope) -> bool {
        match scope {
            Scope::Open => true,
            Scope::Look(area) => self.look & bits(&[area]) != 0,
            Scope::Change(area) => self.change & bits(&[area]) != 0,
        }
    }

    /// Whether all of those are among them: nobody gives what he has not.
    pub fn covers(self, others: Rights) -> bool {
        others.look & !self.look == 0 && others.change & !self.change == 0
    }

    /// Adds a right by its word; false for a word that is none.
    pub fn add(&mut self, word: &str) -> bool {
        let more = WORDS.iter().find(|known| known.0 == word).map(Word::rights);
        let more = more.inspect(|more| {
            self.look |= more.look;
            self.change |= more.change;
        });
        more.is_some()
    }

    /// The words whose rights are all among these.
    pub fn words(self) -> Vec<&'static str> {
        WORDS.iter().filter(|word| self.covers(word.rights())).map(|word| word.0).collect()
    }

    /// The words that [`Rights::add`] knows, for help.
    pub fn known() -> String {
        WORDS.iter().map(|word| word.0).collect::<Vec<_>>().join(", ")
    }

    /// The first word that gives this right, for whoever lacks it.
    pub fn word_for(scope: Scope) -> &'static str {
        WORDS.iter().find(|word| word.rights().allow(scope)).map_or("read", |word| word.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(words: &[&str]) -> Rights {
        let mut rights = Rights::default();
        assert!(words.iter().all(|word| rights.add(word)));
        rights
    }

    #[test]
    fn the_words_together_are_everything_and_each_gives_its_own() {
        let all: Vec<&str> = WORDS.iter().map(|word| word.0).collect();
        assert_eq!(rights(&all), Rights::all(), "an area that no word names could be given to no token");
        let some = rights(&["settings", "journal"]);
        assert!(some.allow(Scope::Change(Area::Settings)) && some.allow(Scope::Look(Area::Certificates)));
        assert!(
            !some.allow(Scope::Look(Area::Admins))
                && !some.allow(Scope::Change(Area::Status))
                && some.allow(Scope::Open)
        );
        assert_eq!(some.words(), ["journal", "settings"]);
        assert_eq!(Rights::word_for(Scope::Change(Area::Directory)), "directory");
        assert_eq!(Rights::word_for(Scope::Look(Area::Directory)), "read");
    }

    #[test]
    fn who_may_only_look_changes_nothing() {
        for area in Area::ALL {
            assert!(Rights::look().allow(Scope::Look(area)) && !Rights::look().allow(Scope::Change(area)));
            assert!(Rights::all().allow(Scope::Change(area)));
        }
        assert_eq!(Rights::look().words(), ["read"]);
    }

    #[test]
    fn nobody_gives_what_he_has_not() {
        assert!(Rights::all().covers(Rights::look()) && !Rights::look().covers(rights(&["queue"])));
        assert!(Rights::look().covers(rights(&["read"])));
        assert!(!Rights::default().add("root") && !Rights::default().add(""));
    }
}
