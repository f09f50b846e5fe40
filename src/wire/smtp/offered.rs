//! What a server offers in its answer to EHLO or LHLO (RFC 5321 s4.1.1.1).

use super::Heard;

/// Extensions that a client of ours uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offered {
    /// How the server calls itself; lower case.
    pub name: String,
    /// RFC 3207
    pub starttls: bool,
    /// RFC 2920
    pub pipelining: bool,
    /// RFC 6152
    pub eight_bit: bool,
    /// RFC 6531
    pub utf8: bool,
    /// RFC 3030 s2
    pub chunking: bool,
    /// RFC 3461
    pub dsn: bool,
    /// Octets of a message (RFC 1870); 0: it has no fixed limit. None: it does not say.
    pub size: Option<u64>,
    /// Mechanisms of AUTH (RFC 4954), in capitals.
    pub auth: Vec<String>,
    /// Recipients of one message (RFC 9422 RCPTMAX).
    pub most_rcpts: Option<usize>,
}

impl Offered {
    /// Reads the answer. What is not known, or malformed, is not offered.
    #[must_use]
    pub fn of(heard: &Heard) -> Self {
        let mut offered = Offered::default();
        let mut lines = heard.lines.iter();
        if let Some(first) = lines.next() {
            offered.name = first.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        }
        lines.for_each(|line| offered.take(&line.to_ascii_uppercase()));
        offered
    }

    fn take(&mut self, line: &str) {
        // `AUTH=LOGIN PLAIN` of servers from the time before RFC 4954.
        let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
        match words.next().unwrap_or_default() {
            "STARTTLS" => self.starttls = true,
            "PIPELINING" => self.pipelining = true,
            "8BITMIME" => self.eight_bit = true,
            "SMTPUTF8" => self.utf8 = true,
            "CHUNKING" => self.chunking = true,
            "DSN" => self.dsn = true,
            "SIZE" => self.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
            "AUTH" => self.auth.extend(words.map(str::to_owned)),
            "LIMITS" => self.most_rcpts = line.split(' ').find_map(|word| word.strip_prefix("RCPTMAX=")?.parse().ok()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Offered {
        Offered::of(&Heard::parse(text.as_bytes()).unwrap().0)
    }

    #[test]
    fn keywords_are_read_in_any_case_and_unknown_ones_passed_over() {
        let text = "250-MX.Example.org at your service\r\n250-size 35882577\r\n250-8BitMime\r\n250-STARTTLS\r\n\
                    250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-LIMITS MAILMAX=9 RCPTMAX=25\r\n\
                    250-AUTH PLAIN login\r\n250-AUTH=SCRAM-SHA-256\r\n250-DSN\r\n250-\r\n250 SMTPUTF8\r\n";
        let offered = of(text);
        let auth = ["PLAIN", "LOGIN", "SCRAM-SHA-256"].map(str::to_owned).to_vec();
        let all = Offered {
            name: "mx.example.org".into(),
            starttls: true,
            pipelining: true,
            eight_bit: true,
            utf8: true,
            chunking: true,
            dsn: true,
            size: Some(35_882_577),
            auth,
            most_rcpts: Some(25),
        };
        assert_eq!(offered, all);
    }

    #[test]
    fn what_is_malformed_is_not_offered() {
        assert_eq!(of("250 x\r\n"), Offered { name: "x".into(), ..Offered::default() });
        assert_eq!(of("250-\r\n250-XSTARTTLS\r\n250 SIZE many\r\n"), Offered { size: Some(0), ..Offered::default() });
    }
}
