//! The OpenAPI 3.1 document: written from the table of operations and the shapes of `schemas.json`.

use std::sync::OnceLock;

use serde_json::{Map, Value as Json, json};

use super::{
    Answer, ApiError, Desk,
    api::{LANGUAGE, Request},
    files,
    operations::{Hand, Operation, Scope, TABLE},
};

/// Parameters and shapes by name: `schemas.json`, as `scripts/build.rs` packed it.
const SHAPES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/schemas.json.deflated"));
/// What may come instead of a good answer. 401, 403, 413 and 415 come from the front.
const ERRORS: [(&str, &str); 12] = [
    ("400", "The request cannot be understood."),
    ("401", "Nobody is logged in."),
    ("403", "Not allowed to this login or token, or asked by another site."),
    ("404", "There is no such thing."),
    ("405", "The resource does not know this method."),
    ("409", "What is there stands in the way."),
    ("413", "The request is too large."),
    ("415", "The body is not application/json."),
    ("422", "A field or several are wrong."),
    ("429", "Too many wrong passwords, or too many links wait."),
    ("503", "The mail disk is absent, or too many streams run."),
    ("507", "The mail disk is full."),
];

/// `openapi.json`
pub(super) async fn document(_desk: &Desk, _request: Request) -> Answer {
    static DOCUMENT: OnceLock<Option<Json>> = OnceLock::new();
    // The shapes are a part of the program, and a test reads them: this error never happens.
    DOCUMENT.get_or_init(make).clone().ok_or_else(|| ApiError::new(500, "schemas.json cannot be read", "report it"))
}

fn make() -> Option<Json> {
    let mut components: Json = serde_json::from_slice(&files::inflated(SHAPES)).ok()?;
    components["responses"] = object(ERRORS.iter().map(|(code, words)| ((*code).to_owned(), error(words))));
    components["securitySchemes"] = json!({
        "session": { "type": "apiKey", "in": "cookie", "name": "__Host-gatepost" },
        "token": { "type": "http", "scheme": "bearer" },
    });
    let mut paths = Map::new();
    for operation in TABLE {
        let path = paths.entry(format!("/api/{}", operation.path)).or_insert_with(|| json!({}));
        path[operation.method.word().to_ascii_lowercase()] = describe(operation);
    }
    Some(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Gatepost",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The administration of the mail module. The page uses nothing else.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": components,
    }))
}

/// What is wrong with a parameter of the query by the numbers of its schema: the end of a sentence that begins with its name.
pub(super) fn wrong(name: &str, text: &str) -> Option<String> {
    static PARAMETERS: OnceLock<Json> = OnceLock::new();
    let all = PARAMETERS.get_or_init(|| {
        serde_json::from_slice::<Json>(&files::inflated(SHAPES)).map_or(Json::Null, |mut s| s["parameters"].take())
    });
    let schema = &all[name]["schema"];
    if let Some(most) = schema["maxLength"].as_u64() {
        let is_long = text.chars().count() as u64 > most;
        return is_long.then(|| format!("is longer than {most} characters"));
    }
    if schema["type"] != "integer" {
        return None;
    }
    let Ok(number) = text.parse::<i64>() else { return Some("must be a whole number".to_owned()) };
    let (least, most) = (schema["minimum"].as_i64()?, schema["maximum"].as_i64()?);
    (!(least..=most).contains(&number)).then(|| format!("must be from {least} to {most}, not {number}"))
}

fn error(words: &str) -> Json {
    let schema = json!({ "$ref": "#/components/schemas/Error" });
    json!({ "description": words, "content": { "application/json": { "schema": schema } } })
}

fn describe(operation: &Operation) -> Json {
    let mut out = json!({
        "operationId": name(operation),
        "summary": operation.about,
        "parameters": parameters(operation),
        "responses": responses(operation),
        "x-scope": operation.scope.word(),
        "security": if operation.scope == Scope::Open { json!([{}]) } else { json!([{ "session": [] }, { "token": [] }]) },
    });
    if let Some(takes) = operation.takes {
        out["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": shape(takes) } } });
    }
    out
}

/// `get_mailboxes_address_folders`
fn name(operation: &Operation) -> String {
    let path: String = operation.path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let words: Vec<&str> = path.split('_').filter(|word| !word.is_empty()).collect();
    format!("{}_{}", operation.method.word().to_ascii_lowercase(), words.join("_"))
}

fn shape(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn object(fields: impl Iterator<Item = (String, Json)>) -> Json {
    let mut out = Map::new();
    out.extend(fields);
    Json::Object(out)
}

fn parameters(operation: &Operation) -> Vec<Json> {
    let path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let path = path.map(|name| format!("at_{name}"));
    let query = operation.query.iter().copied().chain([LANGUAGE]).map(str::to_owned);
    path.chain(query).map(|name| json!({ "$ref": format!("#/components/parameters/{name}") })).collect()
}

fn responses(operation: &Operation) -> Json {
    let content = match operation.hand {
        Hand::Json(_) | Hand::Enter(_) => json!({ "application/json": { "schema": shape(operation.gives) } }),
        Hand::Stream(_) => {
            let kinds = operation.gives.split(", ");
            object(kinds.map(|kind| (kind.to_owned(), json!({ "schema": { "type": "string" } }))))
        }
    };
    let mut out = json!({ "200": { "description": "All is well.", "content": content } });
    for (code, _) in ERRORS {
        out[code] = json!({ "$ref": format!("#/components/responses/{code}") });
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references(value: &Json, into: &mut BTreeSet<String>) {
        match value {
            Json::Object(map) => {
                for (key, value) in map {
                    if let ("$ref", Json::String(target)) = (key.as_str(), value) {
                        into.insert(target.clone());
                    }
                    references(value, into);
                }
            }
            Json::Array(items) => items.iter().for_each(|item| references(item, into)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    #[test]
    fn a_parameter_is_held_against_the_numbers_of_its_schema() {
        for (name, good) in [("page", "1"), ("max", "2000"), ("search", "x"), ("form", "none of ours"), ("x", "y")] {
            assert_eq!(wrong(name, good), None, "{name}");
        }
        for (name, bad) in [("page", "0"), ("page", "1000001"), ("max", "true"), ("from", "-1"), ("after", "")] {
            assert!(wrong(name, bad).is_some(), "{name}={bad}");
        }
        assert_eq!(wrong("search", &"\u{451}".repeat(200)), None);
        assert_eq!(wrong("search", &"x".repeat(201)).as_deref(), Some("is longer than 200 characters"));
    }

    #[test]
    fn every_name_that_the_table_uses_has_a_shape_and_no_shape_is_unused() {
        let document = make().unwrap();
        let mut used = BTreeSet::new();
        references(&document, &mut used);
        for target in &used {
            assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target} is not there");
        }
        for kind in ["schemas", "parameters"] {
            for name in document["components"][kind].as_object().unwrap().keys() {
                assert!(used.contains(&format!("#/components/{kind}/{name}")), "{kind}/{name} is used by nobody");
            }
        }
    }

    #[test]
    fn every_operation_has_its_own_name() {
        let names: BTreeSet<String> = TABLE.iter().map(name).collect();
        assert_eq!(names.len(), TABLE.len());
        assert!(names.contains("get_mailboxes_address_folders"), "{names:?}");
    }
}
