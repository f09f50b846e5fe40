//! What a sender asked to be told about its message (RFC 3461). Plain values; their text is `wire::smtp`'s.

/// `NOTIFY=` of a recipient (RFC 3461 s4.1); all three off is `NEVER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notify {
    /// When it was delivered.
    pub success: bool,
    /// When it was given up.
    pub failure: bool,
    /// When it is late.
    pub delay: bool,
}

impl Notify {
    /// `NOTIFY=NEVER`
    pub const NEVER: Notify = Notify { success: false, failure: false, delay: false };

    /// What holds where nothing was asked (RFC 3461 s4.1): failures, and delays, which the server may tell.
    pub const UNASKED: Notify = Notify { success: false, failure: true, delay: true };
}

/// `RET=` of a message (RFC 3461 s4.3): how much of it comes back with a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// The whole message.
    Full,
    /// Its header section.
    Headers,
}

/// `ORCPT=` of a recipient (RFC 3461 s4.2): the address before somebody on the way changed it, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orcpt {
    /// `rfc822`, `utf-8` (RFC 6533), or another type of address; lower case.
    pub kind: Box<str>,
    /// The address as it was written; printable.
    pub address: Box<str>,
}

/// What was asked for one recipient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// None: nothing was asked, see [`Notify::UNASKED`].
    pub notify: Option<Notify>,
    /// Where it was said.
    pub orcpt: Option<Orcpt>,
}

impl Wishes {
    /// What is to be told.
    pub fn notify(&self) -> Notify {
        self.notify.unwrap_or(Notify::UNASKED)
    }
}

/// What was asked for the whole message, and what its transport needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Where it was said.
    pub ret: Option<Ret>,
    /// `ENVID=` (RFC 3461 s4.4), decoded: at most 100 printable characters.
    pub envid: Option<Box<str>>,
    /// `SMTPUTF8` (RFC 6531): a server without it cannot take the message.
    pub utf8: bool,
}
