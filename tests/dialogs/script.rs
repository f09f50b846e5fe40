//! The language of dialog files.
//!
//! ```text
//! # free words            a comment
//! # key: value            before the first step: what the world is like; the keys are those of `Head`
//! C: text                 the client sends a line (CRLF is added)
//! C< text                 the client sends octets: \r \n \t \0 \\ \xHH, nothing is added
//! S: text                 the server answers this line; `*` stands for anything, `...` at the end for any rest
//! S~ text                 from here on the server may say lines like this too, however often
//! S: [closed]             the server closes the connection
//! S: [silence]            the server says nothing for a moment
//! S: * text               a star in front is itself (IMAP)
//! C2: S2: C2<             the same for a second client, who calls when it first says or hears something
//! D: user text            a message (octets as behind C<) is delivered to user's INBOX
//! TLS                     the client begins TLS
//! SASL SCRAM user pass    the client logs in by SCRAM-SHA-256 (SMTP), up to and with the 235
//! HANGUP                  the client goes away
//! STOP                    the house is told to stop
//! J: text                 afterwards the journal has a line like this (wildcards as above)
//! J! text                 afterwards no journal line is like this
//! M: user text            afterwards the newest message of user's INBOX has a line like this
//! M! user                 afterwards user's INBOX is empty
//! ```
//! `{3000*x}` within a text stands for 3000 x; `{3000}` is a literal of IMAP.

/// What the world is like.
#[derive(Debug)]
pub struct Head {
    /// `smtp`, `submission`, `smtps`, `pop3`, `pop3s`, `imap`, `imaps`
    pub service: String,
    /// `stranger`, `private`, or an address.
    pub from: String,
    /// `certificate: none` takes it away.
    pub certificate: bool,
    /// Octets of a message, beyond what the settings can say.
    pub max_message: Option<u64>,
    /// `set: key=value`, any setting.
    pub settings: Vec<(String, String)>,
    /// `quota: ann=100`, octets.
    pub quotas: Vec<(String, u64)>,
    /// `mail: ann=file-less text with \r\n`: what is in the mailbox before.
    pub mail: Vec<(String, Vec<u8>)>,
    /// `store: full` or `store: away`.
    pub store: String,
    /// `patience: 0.2`: seconds a client may be silent.
    pub patience: Option<f64>,
    /// `folders: ann`: the folders that a new mailbox of the house has beside INBOX, subscribed.
    pub folders: Vec<String>,
    /// `clock: racing`: each look at it is 21 seconds behind the one before.
    pub racing: bool,
    /// `domains: none` for a server that has none yet.
    pub domains: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Send(Vec<u8>),
    Hear(String),
    PassOver(String),
    Closed,
    Silence,
    Tls,
    Scram {
        user: String,
        password: String,
    },
    HangUp,
    Stop,
    Journal(String),
    NoJournal(String),
    Mail {
        user: String,
        line: String,
    },
    NoMail(String),
    Deliver {
        user: String,
        text: Vec<u8>,
    },
    /// The second client does it.
    Second(Box<Step>),
}

pub fn parse(text: &str) -> Result<(Head, Vec<(usize, Step)>), String> {
    let mut head = Head {
        service: "smtp".into(),
        from: "stranger".into(),
        certificate: true,
        max_message: None,
        settings: Vec::new(),
        quotas: Vec::new(),
        mail: Vec::new(),
        store: String::new(),
        patience: None,
        folders: Vec::new(),
        racing: false,
        domains: true,
    };
    let mut steps = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let number = n + 1;
        let at = |why: String| format!("line {number}: {why}");
        if let Some(comment) = line.strip_prefix('#') {
            directive(comment.trim(), &mut head).map_err(at)?;
        } else if !line.trim().is_empty() {
            steps.push((number, step(line).map_err(at)?));
        }
    }
    Ok((head, steps))
}

/// A comment that begins with one word in small letters and a colon is a directive.
fn directive(comment: &str, head: &mut Head) -> Result<(), String> {
    let small = |key: &str| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let Some((key, value)) = comment.split_once(": ").filter(|(key, _)| small(key)) else { return Ok(()) };
    let pair = || value.split_once('=').ok_or_else(|| format!("{key} needs name=value"));
    let number = |text: &str| text.parse::<u64>().map_err(|e| format!("{text}: {e}"));
    match key {
        "service" => head.service = value.into(),
        "from" => head.from = value.into(),
        "certificate" => head.certificate = value != "none",
        "folders" => head.folders.push(value.into()),
        "clock" => head.racing = value == "racing",
        "domains" => head.domains = value != "none",
        "max-message" => head.max_message = Some(number(value)?),
        "store" => head.store = value.into(),
        "patience" => head.patience = Some(value.parse().map_err(|e| format!("{value}: {e}"))?),
        "set" => head.settings.push(pair().map(|(k, v)| (k.into(), v.into()))?),
        "quota" => {
            let (user, octets) = pair()?;
            head.quotas.push((user.into(), number(octets)?));
        }
        "mail" => {
            let (user, text) = pair()?;
            head.mail.push((user.into(), octets(&expand(text)?)?));
        }
        other => return Err(format!("{other} is no directive")),
    }
    Ok(())
}

fn step(line: &str) -> Result<Step, String> {
    if let Some((mark, rest)) = line.split_at_checked(3).filter(|(mark, _)| matches!(*mark, "C2:" | "C2<" | "S2:")) {
        return step(&format!("{}{}{rest}", &mark[..1], &mark[2..])).map(|step| Step::Second(Box::new(step)));
    }
    let (mark, rest) = line.split_at_checked(2).ok_or("too short")?;
    // One space belongs to the mark; further ones to the text.
    let text = rest.strip_prefix(' ').unwrap_or(rest);
    match (mark, line) {
        (_, "TLS") => Ok(Step::Tls),
        (_, "HANGUP") => Ok(Step::HangUp),
        (_, "STOP") => Ok(Step::Stop),
        (_, "S: [closed]") => Ok(Step::Closed),
        (_, "S: [silence]") => Ok(Step::Silence),
        ("C:", _) => Ok(Step::Send(format!("{}\r\n", expand(text)?).into_bytes())),
        ("C<", _) => Ok(Step::Send(octets(&expand(text)?)?)),
        ("S:", _) => Ok(Step::Hear(expand(text)?)),
        ("S~", _) => Ok(Step::PassOver(text.into())),
        ("J:", _) => Ok(Step::Journal(text.into())),
        ("J!", _) => Ok(Step::NoJournal(text.into())),
        ("D:", _) => {
            let (user, text) = text.split_once(' ').ok_or("D: user text")?;
            Ok(Step::Deliver { user: user.into(), text: octets(&expand(text)?)? })
        }
        ("M:", _) => {
            let (user, line) = text.split_once(' ').unwrap_or((text, ""));
            Ok(Step::Mail { user: user.into(), line: line.into() })
        }
        ("M!", _) => Ok(Step::NoMail(text.into())),
        _ => match line.split(' ').collect::<Vec<_>>()[..] {
            ["SASL", "SCRAM", user, password] => Ok(Step::Scram { user: user.into(), password: password.into() }),
            _ => Err(format!("not understood: {line}")),
        },
    }
}

/// `{3000*x}` -> 3000 x.
fn expand(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('{') {
        let (inner, after) = behind.split_once('}').ok_or("a { without }")?;
        out.push_str(before);
        match inner.split_once('*') {
            Some((count, what)) => {
                out.push_str(&what.repeat(count.parse().map_err(|e| format!("{count}: {e}"))?));
            }
            None => out.push_str(&format!("{{{inner}}}")),
        }
        rest = after;
    }
    Ok(out + rest)
}

fn octets(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        out.push(match chars.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let hex: String = chars.by_ref().take(2).collect();
                u8::from_str_radix(&hex, 16).map_err(|e| format!("\\x{hex}: {e}"))?
            }
            other => return Err(format!("escape {other:?}")),
        });
    }
    Ok(out)
}

/// `*` in the pattern stands for anything, `...` at its end too.
pub fn matches(pattern: &str, text: &str) -> bool {
    if let Some(behind) = pattern.strip_prefix("* ") {
        return text.strip_prefix("* ").is_some_and(|text| matches(behind, text));
    }
    let pattern = pattern.strip_suffix("...").map_or_else(|| pattern.to_owned(), |p| format!("{p}*"));
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn patterns() {
    for (pattern, text, fits) in [
        ("250 Ok", "250 Ok", true),
        ("250 Ok", "250 Ok!", false),
        ("250...", "250 Ok!", true),
        ("*queued as *", "250 2.0.0 Ok: queued as 01", true),
        ("a*b", "ab", true),
        ("a*b", "abc", false),
        ("* 1 *", "* 1 EXISTS", true),
        ("* 1 EXISTS", "x 1 EXISTS", false),
    ] {
        assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
    }
}
