//! What the front says in place of the API: the same form of error in the same languages, so that a client has one to read, and
//! a page for a person who opened an address.

use super::{
    ApiError, api, files,
    language::Language,
    reply::{Reply, is_for_a_person},
};
use crate::wire::http::{Method, RequestHead};

/// Media type and octets of a refusal's body. `asked` is None where the head was not understood.
pub fn refused(status: u16, error: &str, todo: &str, asked: Option<&RequestHead>) -> (&'static str, Vec<u8>) {
    let field = |name| asked.and_then(|head| head.field(name));
    let target = asked.map_or("", |head| head.target.as_str());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let language = Language::of(api::language(query), field("accept-language"));
    let error = ApiError::new(status, error, todo);
    let looks = asked.is_some_and(|head| matches!(head.method, Method::Get | Method::Head));
    let Reply { kind, body, .. } = match looks && is_for_a_person(path, field("accept")) {
        true => files::sorry(&error, language),
        false => Reply::error(&error, language),
    };
    (kind, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(head: &str) -> (&'static str, String) {
        let head = RequestHead::parse(format!("{head}\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
        let (kind, body) = refused(503, "the administration is busy", "try again in a few seconds", Some(&head));
        (kind, String::from_utf8(body).unwrap())
    }

    #[test]
    fn the_page_and_the_api_get_the_form_of_the_api_and_a_person_gets_words() {
        let (kind, english) = body("GET /api/status HTTP/1.1\r\nAccept: text/html");
        assert_eq!(kind, "application/json");
        let english: serde_json::Value = serde_json::from_str(&english).unwrap();
        assert_eq!((&english["id"], &english["error"]), (&"front_busy".into(), &"the administration is busy".into()));
        for russian in ["?lang=ru HTTP/1.1", " HTTP/1.1\r\nAccept-Language: ru-RU, en"] {
            let json: serde_json::Value = serde_json::from_str(&body(&format!("POST /api/x{russian}")).1).unwrap();
            assert_eq!((&json["error"], &json["words"]), (&english["words"]["ru"]["error"], &english["words"]));
        }
        let (kind, page) = body("GET / HTTP/1.1\r\nAccept: text/html,*/*\r\nAccept-Language: ru");
        assert!(kind.starts_with("text/html") && page.contains("<html lang=\"ru\">"), "{page}");
        assert!(page.contains(english["words"]["ru"]["error"].as_str().unwrap()), "{page}");
    }
}
