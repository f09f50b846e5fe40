//! Debian's curl.

use std::{path::Path, process::Command};

use serde_json::Value;

/// What curl got.
pub struct Got {
    pub status: u16,
    /// The last answer's head.
    pub head: String,
    pub body: String,
}

impl Got {
    /// A field of the head.
    pub fn field(&self, name: &str) -> Option<&str> {
        let line = self
            .head
            .lines()
            .find(|line| line.split_once(':').is_some_and(|(field, _)| field.eq_ignore_ascii_case(name)))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// `curl ARGS URL`; the certificate is the house's own.
pub fn curl(args: &[&str], url: &str) -> Got {
    let out = Command::new("curl")
        .args(["--silent", "--show-error", "--include", "--insecure", "--path-as-is", "--max-time", "60"])
        .args(args)
        .arg(url)
        .output()
        .expect("curl is missing: apt install curl");
    assert!(out.status.success(), "curl {args:?} {url}: {}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    // A 100 comes before the answer.
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("no answer: {text}"));
    Got { status, head: head.to_owned(), body: body.to_owned() }
}

/// A browser: a cookie jar, and Origin as its page has it.
pub struct Browser {
    pub base: String,
    jar: String,
}

impl Browser {
    pub fn new(base: &str, dir: &Path, name: &str) -> Self {
        Browser { base: base.to_owned(), jar: dir.join(format!("jar-{name}")).display().to_string() }
    }

    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Got {
        let origin = format!("Origin: {}", self.base);
        let body = body.to_string();
        let mut args = vec!["-b", &self.jar, "-c", &self.jar, "-X", method];
        if method != "GET" {
            args.extend(["-H", &origin, "-H", "Content-Type: application/json", "-d", &body]);
        }
        curl(&args, &format!("{}/{path}", self.base))
    }

    pub fn get(&self, path: &str) -> Got {
        self.ask("GET", path, &Value::Null)
    }

    pub fn login(&self, name: &str, password: &str) -> Got {
        self.ask("POST", "api/login", &serde_json::json!({ "name": name, "password": password }))
    }
}
