//! Holds answers against the shapes of the OpenAPI document: as much of JSON Schema as `schemas.json` uses; a keyword that is
//! not known here is a complaint, so that none is believed to be checked that is not.

use serde_json::Value;

/// The document with what is needed of it.
pub struct Document(pub Value);

impl Document {
    /// Complaints about an answer; `method` and `path` as the request had them.
    pub fn complaints(&self, method: &str, path: &str, status: u16, answer: &Value) -> Vec<String> {
        let path = path.split('?').next().unwrap();
        let Some(operation) = self.operation(method, path) else {
            let known = status == 404 || status == 405 || status == 400;
            return if known { Vec::new() } else { vec![format!("{method} {path} is in no document")] };
        };
        let response = &operation["responses"][status.to_string()];
        let response = self.resolve(response);
        if response.is_null() {
            return vec![format!("{method} {path} may not answer {status}")];
        }
        let schema = &response["content"]["application/json"]["schema"];
        let mut out = Vec::new();
        self.check(schema, answer, "", &mut out);
        out.iter().map(|what| format!("{method} {path} {status}: {what}")).collect()
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let given: Vec<&str> = path.split('/').collect();
        let mut fits: Vec<(usize, &Value)> = self.0["paths"]
            .as_object()
            .unwrap()
            .iter()
            .filter_map(|(template, methods)| {
                let own: Vec<&str> = template.strip_prefix("/api/")?.split('/').collect();
                let is_fit =
                    own.len() == given.len() && own.iter().zip(&given).all(|(o, g)| o == g || o.starts_with('{'));
                let fixed = own.iter().filter(|part| !part.starts_with('{')).count();
                is_fit.then_some((fixed, methods.get(method.to_lowercase())?))
            })
            .collect();
        fits.sort_by_key(|(fixed, _)| *fixed);
        fits.pop().map(|(_, operation)| operation)
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(target) => self.0.pointer(target.strip_prefix('#').unwrap()).unwrap(),
            None => schema,
        }
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
        let Some(schema) = self.resolve(schema).as_object() else {
            out.push(format!("{at}: there is no schema"));
            return;
        };
        for (keyword, rule) in schema {
            let is_good = match keyword.as_str() {
                "type" => types(rule).iter().any(|name| is(value, name)),
                "enum" => rule.as_array().unwrap().contains(value),
                "const" => rule == value,
                "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
                "minProperties" => value.as_object().is_none_or(|o| o.len() as u64 >= rule.as_u64().unwrap()),
                "minItems" => value.as_array().is_none_or(|a| a.len() as u64 >= rule.as_u64().unwrap()),
                "maxItems" => value.as_array().is_none_or(|a| a.len() as u64 <= rule.as_u64().unwrap()),
                "minLength" => value.as_str().is_none_or(|t| t.chars().count() as u64 >= rule.as_u64().unwrap()),
                "maxLength" => value.as_str().is_none_or(|t| t.chars().count() as u64 <= rule.as_u64().unwrap()),
                "required" => {
                    let there = |name: &Value| value.get(name.as_str().unwrap()).is_some();
                    !value.is_object() || rule.as_array().unwrap().iter().all(there)
                }
                "oneOf" | "anyOf" => {
                    let fits = |one: &&Value| {
                        let mut complaints = Vec::new();
                        self.check(one, value, at, &mut complaints);
                        complaints.is_empty()
                    };
                    rule.as_array().unwrap().iter().filter(fits).count() == 1
                }
                "properties" | "additionalProperties" | "items" => true,
                "description" | "default" | "writeOnly" | "format" | "pattern" => true,
                other => {
                    out.push(format!("{at}: the keyword {other} is not known to the test"));
                    true
                }
            };
            if !is_good {
                let shown: String = value.to_string().chars().take(200).collect();
                out.push(format!("{at}: {keyword} {rule} does not hold for {shown}"));
            }
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            match (schema.get("properties").and_then(|own| own.get(name)), schema.get("additionalProperties")) {
                (Some(own), _) => self.check(own, inner, &format!("{at}/{name}"), out),
                (None, Some(Value::Bool(false))) => out.push(format!("{at}/{name} is not in the shape")),
                (None, Some(Value::Object(_))) => {
                    self.check(&schema["additionalProperties"], inner, &format!("{at}/{name}"), out);
                }
                (None, _) => {}
            }
        }
        if let Some(items) = schema.get("items") {
            for (n, inner) in value.as_array().into_iter().flatten().enumerate() {
                self.check(items, inner, &format!("{at}/{n}"), out);
            }
        }
    }
}

fn types(rule: &Value) -> Vec<&str> {
    match rule {
        Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
        name => vec![name.as_str().unwrap()],
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

#[test]
fn a_wrong_answer_is_caught() {
    use serde_json::json;
    let document = Document(json!({
        "paths": { "/api/x/{name}": { "get": { "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/s" } } } } } } } },
        "s": { "type": "object", "required": ["n"], "additionalProperties": false, "properties": { "n": { "type": ["integer", "null"], "minimum": 1 }, "a": { "type": "array", "items": { "enum": ["x"] } } } },
    }));
    let complaints = |status, answer: Value| document.complaints("GET", "x/y?z=1", status, &answer).len();
    assert_eq!(complaints(200, json!({ "n": 1, "a": ["x"] })), 0);
    assert_eq!(complaints(200, json!({ "n": null })), 0);
    for bad in [
        json!([]),
        json!({}),
        json!({ "n": 0 }),
        json!({ "n": "1" }),
        json!({ "n": 1, "m": 2 }),
        json!({ "n": 1, "a": ["y"] }),
    ] {
        assert!(complaints(200, bad.clone()) > 0, "{bad}");
    }
    assert_eq!(complaints(418, json!({ "n": 1 })), 1);
    assert_eq!(document.complaints("PUT", "x/y", 200, &json!({})).len(), 1);
}
