//! What clients know, in the order of the disk's operations, and what follows from it for a disk that was cut at one place.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::post::{ANN, Post, Token, Way};

/// One thing a client knows. Written as a word of the log and read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It is about to say MAIL for this message.
    Begun(u32),
    /// It is about to say the last octets.
    Said(u32),
    /// It has read the 250, with this queue id.
    Kept(u32, String),
    /// It was refused, or the client let it be.
    Refused(u32),
    /// It fetched this from a mailbox, under this unique identifier.
    Seen(String, Token, String),
    /// It is about to say QUIT after DELE.
    Going(String, Token),
    /// It has read the +OK of QUIT.
    Gone(String, Token),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Letter(id) => write!(f, "letter {id}"),
            Token::Notice(id) => write!(f, "notice {id}"),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Begun(id) => write!(f, "begun {id}"),
            Fact::Said(id) => write!(f, "said {id}"),
            Fact::Kept(id, queue_id) => write!(f, "kept {id} {queue_id}"),
            Fact::Refused(id) => write!(f, "refused {id}"),
            Fact::Seen(mailbox, token, uidl) => write!(f, "seen {mailbox} {token} {uidl}"),
            Fact::Going(mailbox, token) => write!(f, "going {mailbox} {token}"),
            Fact::Gone(mailbox, token) => write!(f, "gone {mailbox} {token}"),
        }
    }
}

impl Fact {
    /// Reads a word of the log.
    pub fn parse(word: &str) -> Fact {
        let words: Vec<&str> = word.split(' ').collect();
        let number = |n: usize| words[n].parse().unwrap();
        let token =
            |n: usize| if words[n] == "letter" { Token::Letter(number(n + 1)) } else { Token::Notice(number(n + 1)) };
        match words[0] {
            "begun" => Fact::Begun(number(1)),
            "said" => Fact::Said(number(1)),
            "kept" => Fact::Kept(number(1), words[2].to_owned()),
            "refused" => Fact::Refused(number(1)),
            "seen" => Fact::Seen(words[1].to_owned(), token(2), words[4].to_owned()),
            "going" => Fact::Going(words[1].to_owned(), token(2)),
            "gone" => Fact::Gone(words[1].to_owned(), token(2)),
            other => panic!("{other}"),
        }
    }
}

/// A message in a mailbox.
pub type Copy = (String, Token);

/// What must be, may be and must not be on a disk.
#[derive(Default)]
pub struct Truth {
    /// Acknowledged, or fetched by somebody, and not being deleted.
    pub must: BTreeSet<Copy>,
    /// Everything that was ever begun and not refused or deleted.
    pub may: BTreeSet<Copy>,
    /// Unique identifiers that somebody saw, by mailbox.
    pub uidls: BTreeMap<(String, String), Token>,
    /// Queue ids that were said.
    pub queue_ids: BTreeSet<String>,
    /// Copies of one message of which nobody deleted any: all are there, or none.
    pub together: BTreeMap<u32, Vec<Copy>>,
}

impl Truth {
    /// From everything that was known before the cut.
    pub fn of(facts: &[Fact], post: &Post) -> Truth {
        let mut truth = Truth::default();
        for fact in facts {
            match fact {
                Fact::Begun(id) => {
                    truth.may.extend(copies(post, *id));
                    truth.together.insert(*id, copies(post, *id));
                }
                Fact::Said(_) => {}
                Fact::Kept(id, queue_id) => {
                    truth.must.extend(copies(post, *id));
                    truth.queue_ids.insert(queue_id.clone());
                }
                Fact::Refused(id) => truth.may.retain(|copy| !copies(post, *id).contains(copy)),
                Fact::Seen(mailbox, token, uidl) => {
                    truth.must.insert((mailbox.clone(), *token));
                    truth.uidls.insert((mailbox.clone(), uidl.clone()), *token);
                }
                Fact::Going(..) | Fact::Gone(..) => {}
            }
        }
        // Whoever deletes may have fetched it before its sender read the 250.
        for fact in facts {
            if let Fact::Going(mailbox, token) | Fact::Gone(mailbox, token) = fact {
                let copy = (mailbox.clone(), *token);
                truth.must.remove(&copy);
                truth.together.retain(|_, copies| !copies.contains(&copy));
                if matches!(fact, Fact::Gone(..)) {
                    truth.may.remove(&copy);
                }
            }
        }
        truth
    }
}

/// Every copy that an acknowledged message has.
fn copies(post: &Post, id: u32) -> Vec<Copy> {
    let letter = post.get(id).unwrap();
    let mut copies: Vec<Copy> = letter.to.iter().map(|mailbox| ((*mailbox).to_owned(), Token::Letter(id))).collect();
    if letter.way == Way::Partly {
        copies.push((ANN.to_owned(), Token::Notice(id)));
    }
    copies
}
