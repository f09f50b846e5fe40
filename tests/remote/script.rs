//! A dialog's file: a head of `key: value`, an empty line, then steps.
//!
//! `S: text` the server says a line; `S| text` octets as they are written, with escapes; `C: text` it hears a line (`...` at the end:
//! anything may follow); `TLS` the handshake, `NOTLS` one that the client breaks off; `PAUSE ms`; `CLOSE`; `NEXT` the next connection; `= address verdict code status text`
//! what becomes of a recipient in the end.

/// A step of the server.
#[derive(Debug)]
pub enum Step {
    Say(Vec<u8>),
    Hear(String),
    Tls,
    /// The client breaks it off.
    NoTls,
    Pause(u64),
    Close,
    Next,
}

/// What becomes of a recipient.
#[derive(Debug)]
pub struct Fate {
    pub to: String,
    /// `delivered`, `later`, `later-unreached`, `never`, then code, status, text.
    pub what: String,
}

#[derive(Debug, Default)]
pub struct Script {
    pub head: Vec<(String, String)>,
    pub steps: Vec<(usize, Step)>,
    pub fates: Vec<Fate>,
}

impl Script {
    pub fn parse(text: &str) -> Result<Script, String> {
        let mut script = Script::default();
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
        for (n, line) in lines.by_ref() {
            if line.is_empty() {
                break;
            }
            let (key, value) = line.split_once(": ").ok_or(format!("line {}: no key: value", n + 1))?;
            script.head.push((key.to_owned(), value.to_owned()));
        }
        for (n, line) in lines.filter(|(_, line)| !line.is_empty()) {
            if let Some((to, what)) = line.strip_prefix("= ").and_then(|rest| rest.split_once(' ')) {
                script.fates.push(Fate { to: to.to_owned(), what: what.to_owned() });
            } else {
                script.steps.push((n + 1, step(line).ok_or(format!("line {}: no step: {line}", n + 1))?));
            }
        }
        Ok(script)
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.head.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

fn step(line: &str) -> Option<Step> {
    match line {
        "TLS" => return Some(Step::Tls),
        "NOTLS" => return Some(Step::NoTls),
        "CLOSE" => return Some(Step::Close),
        "NEXT" => return Some(Step::Next),
        _ => {}
    }
    if let Some(ms) = line.strip_prefix("PAUSE ") {
        return ms.parse().ok().map(Step::Pause);
    }
    let (mark, text) = line.split_at_checked(3).unwrap_or((line, ""));
    match mark {
        "S: " => Some(Step::Say(format!("{text}\r\n").into_bytes())),
        "S| " => Some(Step::Say(unescaped(text))),
        "C: " => Some(Step::Hear(text.to_owned())),
        "C:" => Some(Step::Hear(String::new())),
        _ => None,
    }
}

/// `\r \n \\ \xHH`, and `text*N` in braces: `{x*5000}`.
pub fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some((inner, behind)) = rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            let (unit, times) = inner.rsplit_once('*').expect("{text*N}");
            out.extend(unescaped(unit).repeat(times.parse().expect("a number")));
            rest = behind;
        } else if let Some(escape) = rest.strip_prefix('\\') {
            let (octet, used) = match escape.as_bytes()[0] {
                b'r' => (b'\r', 1),
                b'n' => (b'\n', 1),
                b'x' => (u8::from_str_radix(&escape[1..3], 16).expect("two hex digits"), 3),
                other => (other, 1),
            };
            out.push(octet);
            rest = &escape[used..];
        } else {
            out.extend(c.to_string().into_bytes());
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// `...` at the end of a pattern stands for anything.
pub fn matches(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix("...").map_or(pattern == text, |head| text.starts_with(head))
}
