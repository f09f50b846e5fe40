//! The API's paths. A table from method and path to what is done; each hand lies in a file of its own.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Answer, ApiError, Caller, Desk, certificates, config, lines, people, status};
use crate::types::{Address, Domain};

/// The methods that the API knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Look.
    Get,
    /// Make.
    Post,
    /// Replace or change.
    Put,
    /// Remove.
    Delete,
}

/// A request, cut but not understood yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path below `/api/`, cut at slashes, percent-decoded.
    pub path: Vec<String>,
    /// The query, percent-decoded.
    pub query: BTreeMap<String, String>,
    /// The body; null if there is none.
    pub body: Json,
    /// Who asks.
    pub caller: Caller,
}

impl Request {
    /// The body as a value of the API; the error says which field is wrong. Takes it away.
    pub(super) fn take<T: DeserializeOwned>(&mut self) -> Result<T, ApiError> {
        let body = match self.body.take() {
            Json::Null => Json::Object(serde_json::Map::new()),
            other => other,
        };
        serde_json::from_value(body).map_err(|error| {
            ApiError::new(422, format!("the request cannot be read: {error}"), "correct it and send it again")
        })
    }

    /// A switch of the query: `?purge=1`.
    pub(super) fn switch(&self, name: &str) -> bool {
        self.query.get(name).is_some_and(|value| matches!(value.as_str(), "" | "1" | "true" | "yes"))
    }

    /// A number of the query.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.query.get(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| ApiError::field(name, "must be a whole number"))
    }
}

/// Reads an address of a request.
pub(super) fn address(field: &str, text: &str) -> Result<Address, ApiError> {
    Address::parse(text.trim()).map_err(|error| ApiError::field(field, format!("'{text}' is no mail address: {error}")))
}

/// Reads a domain of a request.
pub(super) fn domain(field: &str, text: &str) -> Result<Domain, ApiError> {
    Domain::parse(text.trim()).map_err(|error| ApiError::field(field, format!("'{text}' is no domain: {error}")))
}

/// Does what a request asks.
pub async fn answer(desk: &Desk, request: Request) -> Answer {
    let path: Vec<String> = request.path.clone();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["status"] => only_get(&request, status::status(desk)).await,
        ["journal", rest @ ..] => only_get(&request, lines::journal(desk, &request, rest)).await,
        ["check"] => status::check(desk, &request).await,
        ["domains", rest @ ..] => people::domains(desk, request, rest).await,
        ["mailboxes", rest @ ..] => people::mailboxes(desk, request, rest).await,
        ["aliases", rest @ ..] => people::aliases(desk, request, rest).await,
        ["admins", rest @ ..] => people::admins(desk, request, rest).await,
        ["settings", rest @ ..] => config::settings(desk, request, rest).await,
        ["certificates", rest @ ..] => certificates::certificates(desk, request, rest).await,
        _ => Err(ApiError::no_such_path()),
    }
}

async fn only_get(request: &Request, answer: impl Future<Output = Answer>) -> Answer {
    match request.method {
        Method::Get => answer.await,
        Method::Post | Method::Put | Method::Delete => Err(not_allowed()),
    }
}

/// A method that a resource does not know.
pub(super) fn not_allowed() -> ApiError {
    ApiError::new(405, "this resource does not know that method", "see `gatepost help`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_of_the_query_is_on_only_when_it_says_so() {
        let query = [("purge", "1"), ("off", "0")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let caller = Caller::ourselves();
        let request = Request { method: Method::Get, path: vec![], query, body: Json::Null, caller };
        assert!(request.switch("purge") && !request.switch("off") && !request.switch("absent"));
        assert_eq!(request.number("purge").unwrap(), Some(1));
        assert_eq!(request.number("absent").unwrap(), None);
    }
}
