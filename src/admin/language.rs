//! What the API says, in English and Russian. The rooms below speak English; `sentences.txt` is the one table of what they say
//! to an administrator, with a name for each sentence that stays the same when its words are polished.
//!
//! A sentence that is not in the table is shown in English; `tests/admin_parts/house.rs` refuses such an error.

use std::sync::OnceLock;

use serde_json::{Value as Json, json};

use super::files;

/// `sentences.txt`, as `scripts/build.rs` packed it.
const SENTENCES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sentences.txt.deflated"));
/// Sentences within sentences.
const DEPTH: usize = 3;
/// The name of a sentence that is not in the table.
const OTHER: &str = "other";

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Language {
    /// English.
    #[default]
    English,
    /// Russian.
    Russian,
}

impl Language {
    /// `?lang=` decides, else the first language of `Accept-Language` that we speak (RFC 9110 s12.5.4; weights only order
    /// what browsers write in that order anyway).
    pub fn of(query: Option<&str>, accept: Option<&str>) -> Self {
        let tags = query.into_iter().chain(accept.unwrap_or_default().split(','));
        tags.filter_map(Language::named).next().unwrap_or_default()
    }

    /// `ru`, `en-US`.
    fn named(tag: &str) -> Option<Self> {
        match tag.trim().get(..2)?.to_ascii_lowercase().as_str() {
            "ru" => Some(Language::Russian),
            "en" => Some(Language::English),
            _ => None,
        }
    }

    /// Its name in `lang` (RFC 5646).
    pub fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Russian => "ru",
        }
    }

    /// Whether `?lang=` may say this.
    pub fn is_known(tag: &str) -> bool {
        ["en", "ru"].contains(&tag)
    }
}

struct Sentence {
    id: &'static str,
    english: Vec<&'static str>,
    russian: &'static str,
}

/// A sentence in Russian, and its name.
pub(super) struct Said {
    pub id: &'static str,
    pub russian: String,
}

fn table() -> &'static [Sentence] {
    static TABLE: OnceLock<Vec<Sentence>> = OnceLock::new();
    TABLE.get_or_init(|| sentences().lines().filter_map(read).collect())
}

fn sentences() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| String::from_utf8(files::inflated(SENTENCES)).unwrap_or_default())
}

fn read(line: &'static str) -> Option<Sentence> {
    if line.starts_with('#') {
        return None;
    }
    let mut parts = line.splitn(3, " | ");
    let (id, english, russian) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Sentence { id, english: english.split("{}").collect(), russian })
}

/// Says an English sentence in Russian.
pub(super) fn say(english: &str) -> Said {
    say_within(english, DEPTH).unwrap_or_else(|| joined(english))
}

/// Both languages.
pub(super) fn words(english: &str) -> Json {
    json!({ "en": english, "ru": say(english).russian })
}

/// Lines of the board are sentences joined by `; `.
fn joined(english: &str) -> Said {
    let parts: Vec<(&str, Option<Said>)> = english.split("; ").map(|part| (part, say_within(part, DEPTH))).collect();
    let id = parts.iter().find_map(|(_, said)| said.as_ref().map(|said| said.id)).unwrap_or(OTHER);
    let russian = parts.into_iter().map(|(part, said)| said.map_or_else(|| part.to_owned(), |said| said.russian));
    Said { id, russian: russian.collect::<Vec<_>>().join("; ") }
}

fn say_within(english: &str, depth: usize) -> Option<Said> {
    let (sentence, parts) = table().iter().find_map(|one| Some((one, differing(&one.english, english)?)))?;
    let mut russian = String::new();
    let mut parts = parts.into_iter();
    for (n, piece) in sentence.russian.split("{}").enumerate() {
        if n > 0 {
            let part = parts.next().unwrap_or_default();
            let inner = (depth > 0).then(|| say_within(part, depth - 1)).flatten();
            russian += &inner.map_or_else(|| part.to_owned(), |said| said.russian);
        }
        russian += piece;
    }
    Some(Said { id: sentence.id, russian })
}

/// What stands where the pattern has its gaps; None when the text is another sentence.
fn differing<'a>(pattern: &[&str], text: &'a str) -> Option<Vec<&'a str>> {
    let (first, rest) = pattern.split_first()?;
    let Some((last, middle)) = rest.split_last() else {
        return (*first == text).then(Vec::new);
    };
    let mut text = text.strip_prefix(first)?.strip_suffix(last)?;
    let mut parts = Vec::new();
    for piece in middle {
        let (part, behind) = text.split_once(piece)?;
        parts.push(part);
        text = behind;
    }
    parts.push(text);
    parts.iter().all(|part| !part.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_whole_and_has_a_name_of_its_own() {
        let lines = sentences().lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(table().len(), lines, "a line has no three parts");
        let names: BTreeSet<&str> = table().iter().map(|sentence| sentence.id).collect();
        assert_eq!(names.len(), lines);
        for sentence in table() {
            assert_eq!(sentence.russian.matches("{}").count() + 1, sentence.english.len(), "{}", sentence.id);
            let is_plain = sentence.id == "proc" || !sentence.russian.is_ascii();
            assert!(is_plain && sentence.english.iter().all(|piece| piece.is_ascii()), "{}", sentence.id);
        }
    }

    #[test]
    fn what_differs_is_put_in_and_is_itself_translated() {
        let said = say("'x@' is no mail address: the domain is empty");
        assert_eq!((said.id, said.russian.as_str()), ("bad_address", "«x@» не почтовый адрес: домен пуст"));
        let said = say("is 25, which smtp.port uses already: choose another port");
        assert_eq!(said.russian, "равен 25, а этот порт уже использует smtp.port: выберите другой");
        let said = say("waiting for interface ppp0, which is not there or has no address; listening on 127.0.0.1:25");
        assert_eq!(said.russian, "ждём интерфейс ppp0: его нет или у него нет адреса; слушает 127.0.0.1:25");
        assert_eq!(
            (say("quite another thing").id, say("quite another thing").russian),
            (OTHER, "quite another thing".into())
        );
    }

    #[test]
    fn the_language_is_that_of_the_query_or_of_the_browser() {
        for (query, accept, language) in [
            (Some("ru"), Some("en"), Language::Russian),
            (None, Some("de, ru-RU;q=0.8, en;q=0.5"), Language::Russian),
            (None, Some("en-GB,ru"), Language::English),
            (Some("xx"), None, Language::English),
            (None, Some("\u{451}"), Language::English),
        ] {
            assert_eq!(Language::of(query, accept), language, "{query:?} {accept:?}");
        }
    }
}
