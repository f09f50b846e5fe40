//! A request of the API: cut, looked up in the table of `operations`, and given to its hand.

use std::{collections::BTreeMap, sync::Arc};

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{
    ApiError, Caller, Desk, Visitor,
    answer::Body,
    language::Language,
    openapi,
    operations::{self, Hand},
};
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

impl Method {
    /// As HTTP writes it.
    pub fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// The query parameter that every resource knows: `ru` or `en`, for the sentences of errors.
pub(super) const LANGUAGE: &str = "lang";

/// What it says in a query that is not cut yet.
pub(super) fn language(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix(LANGUAGE)?.strip_prefix('='))
}

/// A request, cut but not understood yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path below `/api/`, cut at slashes, percent-decoded; a hand sees the parameters of its path only.
    pub path: Vec<String>,
    /// The query, percent-decoded.
    pub query: BTreeMap<String, String>,
    /// The body; null if there is none.
    pub body: Json,
    /// Who asks, for what is written down.
    pub caller: Caller,
    /// Who asks, and what he may; that he may do this was looked at before.
    pub visitor: Visitor,
}

impl Request {
    /// The n-th parameter of the path, from 0; the table has made sure that it is there.
    pub(super) fn at(&self, n: usize) -> &str {
        self.path.get(n).map_or("", String::as_str)
    }

    /// A text of the query, empty when it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

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
    pub(super) fn switch(&self, name: &str) -> Result<bool, ApiError> {
        match self.query.get(name).map(String::as_str) {
            Some("" | "1" | "true" | "yes") => Ok(true),
            None | Some("0" | "false" | "no") => Ok(false),
            Some(_) => Err(ApiError::field(name, "must be 1 or 0")),
        }
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
pub async fn answer(desk: &Arc<Desk>, mut request: Request) -> Result<Body, ApiError> {
    let (operation, at) = operations::find(request.method, &request.path)?;
    let unknown = request.query.keys().find(|name| !operation.query.contains(&name.as_str()) && *name != LANGUAGE);
    if let Some(name) = unknown {
        let known = if operation.query.is_empty() { "none".to_owned() } else { operation.query.join(", ") };
        return Err(ApiError::field(name, format!("is no parameter of this resource, which knows {known}")));
    }
    let wrong = request.query.iter().find_map(|(name, text)| Some((name, openapi::wrong(name, text)?)));
    if let Some((name, what)) = wrong {
        return Err(ApiError::field(name, what));
    }
    if request.query.get(LANGUAGE).is_some_and(|tag| !Language::is_known(tag)) {
        return Err(ApiError::field(LANGUAGE, "must be one of en, ru"));
    }
    request.path = at;
    match operation.hand {
        Hand::Json(hand) => hand(desk, request).await.map(Body::Json),
        Hand::Enter(hand) => hand(desk, request).await.map(Body::Entered),
        Hand::Stream(hand) => hand(desk, &request).map(Body::Stream),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_of_the_query_is_on_only_when_it_says_so() {
        let query = [("purge", "1"), ("off", "0")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let visitor = Visitor::ourselves();
        let caller = visitor.caller.clone();
        let request = Request { method: Method::Get, path: vec![], query, body: Json::Null, caller, visitor };
        assert_eq!(["purge", "off", "absent"].map(|name| request.switch(name)), [Ok(true), Ok(false), Ok(false)]);
        assert_eq!(request.number("purge").unwrap(), Some(1));
        assert_eq!(request.number("absent").unwrap(), None);
    }
}
