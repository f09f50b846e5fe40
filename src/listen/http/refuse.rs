//! What those hear who are not let through. The body is the API's, so that a client has one kind of error to read.

use crate::{
    admin,
    wire::http::{AnswerHead, BadHead, BodyForm, Method, RequestHead},
};

/// What the client hears, and what the journal learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// What is so; fixed words, which `admin/sentences.txt` has in Russian.
    error: &'static str,
    /// What to do about it.
    todo: &'static str,
    /// Another field of the answer.
    also: Option<(&'static str, String)>,
    /// For the journal; None where there is nothing to see.
    pub log: Option<&'static str>,
}

const fn say(status: u16, error: &'static str, todo: &'static str) -> Refusal {
    Refusal { status, error, todo, also: None, log: None }
}

const fn tell(status: u16, error: &'static str, todo: &'static str) -> Refusal {
    Refusal { status, error, todo, also: None, log: Some(error) }
}

pub(super) const HEAD_LATE: Refusal = say(408, "the head of the request did not come in time", "send it at once");
pub(super) const HEAD_LONG: Refusal = tell(431, "the head of the request is larger than 16384 octets", "send less");
pub(super) const BODY_LATE: Refusal = say(408, "the body of the request did not come in time", "send it again");
pub(super) const BODY_LONG: Refusal = say(413, "the body of the request is too large", "send less at once");
pub(super) const BODIES_FULL: Refusal = tell(503, "too many large requests at once", "try again in a few seconds");
pub(super) const HOST: Refusal = tell(
    421,
    "this server does not go by the name in Host",
    "use its address or its name, or add the name to the setting http.allowed_hosts",
);
pub(super) const ONLY_TLS: Refusal = say(403, "this server is administered over HTTPS only", "use its HTTPS port");
pub(super) const BUSY: Refusal = tell(503, "the administration is busy", "try again in a few seconds");
pub(super) const DOWNLOADS: Refusal = tell(503, "too many downloads run", "wait for one of them to end");
pub(super) const NO_ANSWER: Refusal = tell(504, "the administration did not answer in time", "look into the journal");
pub(super) const BROKEN: Refusal =
    tell(502, "the administration gave no answer", "try again, then look into the journal");
/// All places are taken; said before anything was read.
pub(super) const FULL: Refusal = say(503, "too many connections", "close other pages of this server, then try again");

/// A head that is not served.
pub(super) fn bad_head(bad: BadHead) -> Refusal {
    match bad {
        BadHead::Line => tell(400, "the first line is no request of HTTP/1.1", "send METHOD /path HTTP/1.1"),
        BadHead::Method => {
            let allow = Method::ALL.map(Method::name).join(", ");
            Refusal { also: Some(("Allow", allow)), ..say(405, "this method is not known here", "use another") }
        }
        BadHead::Version => say(505, "only HTTP/1.1 is spoken here", "use HTTP/1.1"),
        BadHead::BareLf => tell(400, "a line ends with LF alone", "end lines with CRLF"),
        BadHead::Control => tell(400, "there is a control character in the head", "this port speaks HTTP"),
        BadHead::Folded => tell(400, "a field is folded, or begins with a blank", "write each field in one line"),
        BadHead::Field => tell(400, "a line of the head is no field", "write Name: value"),
        BadHead::TooMany => tell(431, "there are more than 100 fields", "send fewer"),
        BadHead::Host => tell(400, "there must be one Host, and it must be a name or an address", "send it once"),
        BadHead::Length => tell(400, "there must be one Content-Length, and it must be a number", "send it once"),
        BadHead::TwoFramings => tell(400, "Content-Length stands beside Transfer-Encoding", "send Content-Length only"),
        BadHead::Chunked => say(411, "a body must say its length", "send Content-Length, not Transfer-Encoding"),
        BadHead::Te => tell(400, "TE is not taken here", "leave it out"),
        BadHead::Upgrade => tell(400, "no other protocol is spoken here", "leave Upgrade out"),
        BadHead::Expect => say(417, "only 100-continue can be expected", "leave Expect out"),
    }
}

/// To the same target over HTTPS.
pub(super) fn redirect(to: String) -> Refusal {
    Refusal { also: Some(("Location", to)), ..say(308, "this server is administered over HTTPS", "follow Location") }
}

impl Refusal {
    /// The whole answer to what was asked, where that was understood. The connection ends behind it.
    pub fn write(&self, asked: Option<&RequestHead>, out: &mut Vec<u8>) {
        let (kind, body) = admin::refused(self.status, self.error, self.todo, asked);
        let mut fields = vec![
            ("Content-Type".to_owned(), kind.to_owned()),
            ("Cache-Control".to_owned(), "no-store".to_owned()),
            ("X-Content-Type-Options".to_owned(), "nosniff".to_owned()),
        ];
        if self.status == 503 {
            fields.push(("Retry-After".to_owned(), "5".to_owned()));
        }
        fields.extend(self.also.clone().map(|(name, value)| (name.to_owned(), value)));
        let octets = u64::try_from(body.len()).unwrap_or(0);
        AnswerHead { status: self.status, body: BodyForm::Octets(octets), fields }.write(true, out);
        if !asked.is_some_and(|head| head.method == Method::Head) {
            out.extend_from_slice(&body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD_HEADS: [BadHead; 15] = [
        BadHead::Line,
        BadHead::Method,
        BadHead::Version,
        BadHead::BareLf,
        BadHead::Control,
        BadHead::Folded,
        BadHead::Field,
        BadHead::TooMany,
        BadHead::Host,
        BadHead::Length,
        BadHead::TwoFramings,
        BadHead::Chunked,
        BadHead::Te,
        BadHead::Upgrade,
        BadHead::Expect,
    ];

    #[test]
    fn an_answer_is_whole_and_every_sentence_has_a_name_and_is_there_in_russian() {
        let mut all = vec![HEAD_LATE, HEAD_LONG, BODY_LATE, BODY_LONG, BODIES_FULL, HOST, ONLY_TLS, BUSY, DOWNLOADS];
        all.extend([NO_ANSWER, BROKEN, FULL, redirect("https://gw:8443/".into())]);
        all.extend(BAD_HEADS.map(bad_head));
        for refusal in all {
            let mut out = Vec::new();
            refusal.write(None, &mut out);
            let text = String::from_utf8(out).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {}", body.len())) && head.contains("Connection: close"));
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            let words = &body["words"];
            let is_said = ["error", "todo"].iter().all(|name| words["en"][name] != words["ru"][name]);
            assert!(is_said && body["id"] != "other" && body["error"] == refusal.error, "{body}");
        }
    }
}
