//! A line before it has a time.

/// The program name of a line, as Postfix and Dovecot would sign it (so that pflogsumm and fail2ban match).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// `postfix/smtpd` (port 25)
    Smtpd,
    /// `postfix/submission/smtpd` (587)
    Submission,
    /// `postfix/smtps/smtpd` (465)
    Smtps,
    /// `postfix/cleanup`
    Cleanup,
    /// `postfix/qmgr`
    Qmgr,
    /// `postfix/local`
    Local,
    /// `postfix/bounce`
    Bounce,
    /// `dovecot` (POP3, IMAP, logins)
    Dovecot,
    /// `gatepost`: the house itself, settings, the store
    Gatepost,
}

/// RFC 5424 s6.2.1, the ones we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Red in the journal (M3).
    Error,
    /// Somebody should look.
    Warning,
    /// Ordinary.
    Info,
    /// Only when asked for.
    Debug,
}

/// What an event says. The text is safe already: printable, bounded, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Who signs.
    pub tag: Tag,
    /// How grave.
    pub severity: Severity,
    /// The words.
    pub text: String,
}

impl Line {
    /// An ordinary line.
    pub fn info(tag: Tag, text: String) -> Self {
        Line { tag, severity: Severity::Info, text }
    }

    /// A warning.
    pub fn warning(tag: Tag, text: String) -> Self {
        Line { tag, severity: Severity::Warning, text: format!("warning: {text}") }
    }

    /// An error.
    pub fn error(tag: Tag, text: String) -> Self {
        Line { tag, severity: Severity::Error, text: format!("error: {text}") }
    }
}
