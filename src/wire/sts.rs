//! MTA-STS (RFC 8461): the record that says that a domain has a policy, and the policy.

/// A day in seconds.
const DAY: u64 = 86_400;
/// RFC 8461 s3.2: `max_age` is at most a year of 366 days.
const LONGEST: u64 = 366 * DAY;
/// Patterns of one policy that are kept.
const MOST_PATTERNS: usize = 100;

/// The record at `_mta-sts.DOMAIN`: its `id`, which changes with the policy. None: it is none.
#[must_use]
pub fn id(record: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(record).ok()?;
    let mut fields = text.split(';').map(str::trim);
    if fields.next()? != "v=STSv1" {
        return None;
    }
    let id = fields.filter_map(|field| field.split_once('=')).find(|(name, _)| name.trim() == "id")?.1.trim();
    let good = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then(|| id.to_owned())
}

/// What is done with a server that does not keep to the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It gets no mail.
    Enforce,
    /// It does, and is counted.
    Testing,
    /// There is no policy any more.
    None,
}

/// A policy (RFC 8461 s3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is done.
    pub mode: Mode,
    /// Names of servers, lower case; `*.example.org` stands for one label.
    pub mx: Vec<String>,
    /// Seconds that it is good for.
    pub max_age: u64,
}

impl Policy {
    /// Reads the file. None: it is no policy.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Policy> {
        let text = std::str::from_utf8(text).ok()?;
        let (mut version, mut mode, mut max_age, mut mx) = (false, None, None, Vec::new());
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (key, value) = line.split_once(':')?;
            match (key.trim_end(), value.trim()) {
                ("version", value) => version = value == "STSv1",
                // The first of several holds (RFC 8461 s3.2).
                ("mode", value) if mode.is_none() => mode = Some(mode_of(value)?),
                ("max_age", value) if max_age.is_none() => max_age = Some(value.parse::<u64>().ok()?.min(LONGEST)),
                ("mx", value) if mx.len() < MOST_PATTERNS => {
                    mx.push(value.trim_end_matches('.').to_ascii_lowercase());
                }
                _ => {}
            }
        }
        let policy = Policy { mode: mode?, mx, max_age: max_age? };
        (version && (policy.mode == Mode::None || !policy.mx.is_empty())).then_some(policy)
    }

    /// The file.
    #[must_use]
    pub fn write(&self) -> String {
        let mode = match self.mode {
            Mode::Enforce => "enforce",
            Mode::Testing => "testing",
            Mode::None => "none",
        };
        let mx: String = self.mx.iter().map(|pattern| format!("mx: {pattern}\r\n")).collect();
        format!("version: STSv1\r\nmode: {mode}\r\n{mx}max_age: {}\r\n", self.max_age)
    }

    /// Whether a server may have mail (RFC 8461 s4.1). Its name is lower case, without the last dot.
    #[must_use]
    pub fn allows(&self, host: &str) -> bool {
        let behind_first = host.split_once('.').map(|(_, rest)| rest);
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(rest) => behind_first == Some(rest),
            None => pattern == host,
        })
    }
}

fn mode_of(word: &str) -> Option<Mode> {
    match word {
        "enforce" => Some(Mode::Enforce),
        "testing" => Some(Mode::Testing),
        "none" => Some(Mode::None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_has_an_id() {
        assert_eq!(id(b"v=STSv1; id=20160831085700Z;"), Some("20160831085700Z".into()));
        assert_eq!(id(b"v=STSv1;id=a;x=y"), Some("a".into()));
        for bad in
            [&b""[..], b"v=spf1 -all", b"v=STSv1", b"v=STSv1; id=", b"v=STSv1; id=a b", b"v=STSv2; id=a", b"\xff"]
        {
            assert_eq!(id(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn the_policy_of_the_rfc() {
        let text = b"version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.Example.net\nmx: backupmx.example.com\nmax_age: 604800\n";
        let policy = Policy::parse(text).unwrap();
        assert_eq!((policy.mode, policy.max_age, policy.mx.len()), (Mode::Enforce, 604_800, 3));
        assert_eq!(Policy::parse(policy.write().as_bytes()), Some(policy.clone()));
        for (host, allowed) in [
            ("mail.example.com", true),
            ("mx1.example.net", true),
            ("example.net", false),
            ("a.b.example.net", false),
            ("evil.com", false),
            ("xmail.example.com", false),
        ] {
            assert_eq!(policy.allows(host), allowed, "{host}");
        }
    }

    #[test]
    fn what_is_no_policy_is_none() {
        for bad in [
            "",
            "<html>no such page</html>",
            "version: STSv1\nmode: enforce\nmax_age: 1\n",
            "version: STSv2\nmode: enforce\nmx: a\nmax_age: 1\n",
            "mode: enforce\nmx: a\nmax_age: 1\n",
            "version: STSv1\nmode: strict\nmx: a\nmax_age: 1\n",
            "version: STSv1\nmode: enforce\nmx: a\nmax_age: long\n",
            "version: STSv1\nmode: enforce\nmx: a\n",
        ] {
            assert_eq!(Policy::parse(bad.as_bytes()), None, "{bad}");
        }
        let none = "version: STSv1\r\nmode: none\r\nmax_age: 99999999999\r\nunknown: x\r\n";
        assert_eq!(Policy::parse(none.as_bytes()).map(|p| (p.mode, p.max_age)), Some((Mode::None, LONGEST)));
    }
}
