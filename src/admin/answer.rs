//! What the API answers: JSON, or an error that says what is so, which field, and what to do.

use std::io;

use serde_json::{Value as Json, json};

use super::{
    DeskError,
    gate::Events,
    language::{self, Language, Said},
};
use crate::{directory::ErrorKind, settings::FieldError, store::StoreError};

/// An error of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// What is so.
    pub error: String,
    /// What to do about it.
    pub todo: String,
    /// Fields that are wrong, if it is about fields.
    pub fields: Vec<FieldError>,
    /// Seconds after which a try may go better (Retry-After).
    pub retry: Option<u64>,
    /// Methods that the resource knows, of a 405 (RFC 9110 s15.5.6).
    pub allow: Option<String>,
}

/// What a handler gives.
pub type Answer = Result<Json, ApiError>;

/// What goes out when all is well.
pub enum Body {
    /// A value.
    Json(Json),
    /// A value, and what the cookie becomes.
    Entered(Entered),
    /// Octets that come one by one.
    Stream(Stream),
}

/// An answer to a login or a logout.
pub struct Entered {
    /// The value.
    pub body: Json,
    /// The ticket of the new session; None ends the one that is.
    pub ticket: Option<String>,
}

/// Writes a stream to its end; an error says that the reader is gone.
pub type Writing = Box<dyn FnOnce(&mut dyn io::Write) -> io::Result<()> + Send>;

/// An answer that comes bit by bit.
pub struct Stream {
    /// Content-Type.
    pub kind: &'static str,
    /// Where it comes from.
    pub source: Source,
}

/// Where the octets of a stream come from.
pub enum Source {
    /// A file for a download: its name, and what writes it on a thread of its own.
    File(String, Writing),
    /// Events: the front asks for them.
    Events(Box<dyn Events>),
}

impl ApiError {
    /// An error without fields.
    pub fn new(status: u16, error: impl Into<String>, todo: impl Into<String>) -> Self {
        ApiError { status, error: error.into(), todo: todo.into(), fields: Vec::new(), retry: None, allow: None }
    }

    /// One wrong field of the request; `what` ends a sentence that begins with its name.
    pub fn field(name: &str, what: impl Into<String>) -> Self {
        let what = what.into();
        let fields = vec![FieldError::new(name, what.clone())];
        ApiError { fields, ..ApiError::new(422, format!("{name} {what}"), "correct it and send it again") }
    }

    /// No such thing of the API.
    pub fn no_such_path() -> Self {
        ApiError::new(404, "there is no such resource", "see `gatepost help`")
    }

    /// A method that a resource does not know; `known` are those that it does.
    pub fn no_such_method(known: &str) -> Self {
        let error = ApiError::new(405, "this resource does not know that method", format!("it knows {known}"));
        ApiError { allow: Some(known.to_owned()), ..error }
    }

    /// The JSON form in English.
    pub fn json(&self) -> Json {
        self.json_in(Language::English)
    }

    /// The JSON form: the sentences in one language where they always stand, in both under `words`; `field` is there when
    /// exactly one field is wrong.
    pub(super) fn json_in(&self, language: Language) -> Json {
        let (error, todo) = (language::say(&self.error), language::say(&self.todo));
        let said: Vec<Said> = self.fields.iter().map(|field| language::say(&field.what)).collect();
        let russian = match self.fields.as_slice() {
            [] => error.russian,
            fields => {
                let pairs = fields.iter().zip(&said).map(|(field, said)| format!("{}: {}", field.key, said.russian));
                pairs.collect::<Vec<_>>().join("; ")
            }
        };
        let english = json!({ "error": self.error, "todo": self.todo });
        let russian = json!({ "error": russian, "todo": todo.russian });
        let id = said.first().map_or(error.id, |said| said.id);
        let mut body = if language == Language::Russian { russian.clone() } else { english.clone() };
        body["id"] = json!(id);
        body["words"] = json!({ "en": english, "ru": russian });
        if let [only] = self.fields.as_slice() {
            body["field"] = json!(only.key);
        }
        let fields = self.fields.iter().zip(&said).map(|(field, said)| {
            let what = if language == Language::Russian { &said.russian } else { &field.what };
            json!({ "field": field.key, "id": said.id, "what": what, "words": { "en": field.what, "ru": said.russian } })
        });
        if !self.fields.is_empty() {
            body["fields"] = fields.collect();
        }
        body
    }
}

impl From<DeskError> for ApiError {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Directory(error) => {
                let status = match error.kind {
                    ErrorKind::Absent => 404,
                    ErrorKind::Conflict => 409,
                    ErrorKind::Wrong => 422,
                };
                ApiError::new(status, error.what, error.remedy)
            }
            DeskError::Fields(fields) => {
                let words: Vec<String> = fields.iter().map(FieldError::to_string).collect();
                let todo = "nothing was saved; correct it and save again";
                ApiError { fields, ..ApiError::new(422, words.join("; "), todo) }
            }
            DeskError::Stale(_) => ApiError::new(409, error.to_string(), "look at it, then save again"),
            DeskError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let words = error.to_string();
        match error {
            StoreError::Unavailable(_) => {
                ApiError::new(503, words, "see whether the mail disk is there: gatepost status")
            }
            StoreError::NoRoom => ApiError::new(507, words, "delete something or enlarge the disk, then try again"),
            StoreError::Damaged(_) => ApiError::new(500, words, "run gatepost check"),
            StoreError::Missing => ApiError::new(404, words, "see the list of what is there"),
            StoreError::Exists => ApiError::new(409, words, "choose another name"),
            StoreError::OverQuota => ApiError::new(409, words, "raise the limit of the mailbox, or make room in it"),
            StoreError::Limit(_) => ApiError::new(409, words, "remove what is not needed any more"),
        }
    }
}
