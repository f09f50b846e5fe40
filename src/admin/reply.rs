//! From a request of tiny_http to what goes out: who asks, whether he may, and which hand answers.

use std::{collections::BTreeMap, io, io::Read, sync::Arc};

use serde_json::{Value as Json, json};

use super::{
    ApiError, Desk,
    answer::{Body, Entered, Source, Stream},
    api, files,
    gate::{self, Peer},
    language::Language,
    lodge::{self, How, Visitor},
    metrics,
    operations::{self, Scope},
    roles::Rights,
    stream::Download,
};
use crate::{limits, wire::http::Method};

/// The query parameter of a look that the page takes by itself: it does not keep a session alive.
const BACKGROUND: &str = "background";

/// What goes out.
pub(super) struct Reply {
    pub status: u16,
    pub kind: &'static str,
    pub body: Vec<u8>,
    /// Fields beside those that every answer has.
    pub heads: Vec<(&'static str, String)>,
}

/// A request, cut but not understood yet.
struct Asked<'a> {
    request: &'a mut tiny_http::Request,
    method: Method,
    path: String,
    query: BTreeMap<String, String>,
    peer: Peer,
}

impl Reply {
    pub fn json(status: u16, body: &Json) -> Self {
        Reply { status, kind: "application/json", body: body.to_string().into_bytes(), heads: Vec::new() }
    }

    pub fn error(error: &ApiError, language: Language) -> Self {
        let mut reply = Reply::json(error.status, &error.json_in(language));
        reply.heads.extend(error.retry.map(|seconds| ("Retry-After", seconds.to_string())));
        reply.heads.extend(error.allow.clone().map(|known| ("Allow", known)));
        if error.status == 401 {
            reply.heads.push(("WWW-Authenticate", "Bearer".to_owned()));
        }
        reply
    }

    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.heads.push((name, value));
        self
    }

    /// As tiny_http sends it. `framed_by`: pages that may embed this one.
    pub fn build(self, framed_by: &[String]) -> tiny_http::Response<io::Cursor<Vec<u8>>> {
        let frames = ["'self'"].into_iter().chain(framed_by.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
        let policy = format!(
            "default-src 'self'; frame-ancestors {frames}; base-uri 'none'; form-action 'self'; object-src 'none'"
        );
        let mut heads = vec![
            ("Content-Type", self.kind.to_owned()),
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff".to_owned()),
            ("Referrer-Policy", "no-referrer".to_owned()),
            // No page of another site loads anything from here, whatever its own policy is.
            ("Cross-Origin-Resource-Policy", "same-origin".to_owned()),
        ];
        heads.extend(self.heads);
        if !heads.iter().any(|(name, _)| *name == "Cache-Control") {
            heads.push(("Cache-Control", "no-store".to_owned()));
        }
        let mut response =
            tiny_http::Response::from_data(self.body).with_status_code(self.status).with_chunked_threshold(usize::MAX);
        // A value that is no header (it has a line break) is left out.
        let heads = heads.iter().filter_map(|(name, value)| tiny_http::Header::from_bytes(*name, value.as_str()).ok());
        heads.for_each(|head| response.add_header(head));
        response
    }
}

/// What came of a request.
pub(super) enum Out {
    /// All of it is here.
    Whole(Reply),
    /// It is written bit by bit.
    Download(Download),
}

/// Answers, whatever it is.
pub(super) async fn reply(request: &mut tiny_http::Request, desk: &Arc<Desk>) -> Out {
    let language = language(request);
    match ask(request, &desk.house().gate) {
        Ok(asked) => {
            let by_person = is_for_a_person(&asked.path, header(asked.request, "Accept"));
            answer(asked, desk).await.unwrap_or_else(|error| {
                Out::Whole(if by_person { files::sorry(&error, language) } else { Reply::error(&error, language) })
            })
        }
        Err(error) => Out::Whole(Reply::error(&error, language)),
    }
}

/// The language of an error's sentences.
pub(super) fn language(request: &tiny_http::Request) -> Language {
    let query = request.url().split_once('?').map_or("", |(_, query)| query);
    Language::of(api::language(query), header(request, "Accept-Language"))
}

/// Whether a browser will show the answer as a page.
pub(super) fn is_for_a_person(path: &str, accept: Option<&str>) -> bool {
    !path.starts_with("/api/") && accept.is_some_and(|kinds| kinds.contains("text/html"))
}

fn ask<'a>(request: &'a mut tiny_http::Request, gate: &gate::Gate) -> Result<Asked<'a>, ApiError> {
    let not_the_front = || ApiError::new(403, "this socket is for the front only", "use admin.sock, or the HTTPS port");
    let peer = Peer::read(gate, |name| header(request, name)).ok_or_else(not_the_front)?;
    let method = match request.method() {
        tiny_http::Method::Get => Method::Get,
        tiny_http::Method::Head => Method::Head,
        tiny_http::Method::Post => Method::Post,
        tiny_http::Method::Put => Method::Put,
        tiny_http::Method::Delete => Method::Delete,
        _ => return Err(ApiError::no_such_method("GET, HEAD, POST, PUT, DELETE")),
    };
    let (path, query) = target(request.url())?;
    Ok(Asked { request, method, path, query, peer })
}

async fn answer(asked: Asked<'_>, desk: &Arc<Desk>) -> Result<Out, ApiError> {
    let look = matches!(asked.method, Method::Get | Method::Head);
    if let Some(rest) = asked.path.strip_prefix("/api/") {
        let path = rest.split('/').filter(|part| !part.is_empty()).map(|part| unescape(part).ok_or_else(broken_escape));
        let path = path.collect::<Result<Vec<_>, _>>()?;
        return of_api(asked, desk, path).await;
    }
    if !look {
        return Err(ApiError::no_such_method("GET, HEAD"));
    }
    let reply = match asked.path.as_str() {
        "/healthz" => metrics::health(desk).await,
        "/metrics" => metrics::metrics(desk, &asked.visitor(desk).await?).await?,
        path => match path.strip_prefix("/link/") {
            // A look ahead (HEAD) must not use it up.
            Some(code) if asked.method == Method::Get => link(&asked, desk, code).await?,
            Some(_) => return Err(ApiError::no_such_method("GET")),
            None => {
                let field = |name| header(asked.request, name);
                files::reply(path, field("Accept-Encoding"), field("If-None-Match"))?
            }
        },
    };
    Ok(Out::Whole(reply))
}

async fn link(asked: &Asked<'_>, desk: &Desk, code: &str) -> Result<Reply, ApiError> {
    let visitor = asked.visitor(desk).await?;
    let ticket = desk.use_link(&visitor, code).ok_or_else(|| {
        ApiError::new(403, "this link was used already, or is older than a minute", "fetch a new one, or log in")
    })?;
    let reply = Reply::json(303, &json!({ "ok": true })).with("Location", "/".to_owned());
    Ok(reply.with("Set-Cookie", cookie(Some(&ticket), visitor.tls)))
}

/// The one place where rights are asked for.
async fn of_api(asked: Asked<'_>, desk: &Arc<Desk>, path: Vec<String>) -> Result<Out, ApiError> {
    let method = match asked.method {
        Method::Get | Method::Head => api::Method::Get,
        Method::Post => api::Method::Post,
        Method::Put => api::Method::Put,
        Method::Delete => api::Method::Delete,
    };
    let visitor = asked.visitor(desk).await?;
    let (operation, _) = operations::find(method, &path)?;
    allowed(operation.scope, &visitor)?;
    let is_head = asked.method == Method::Head;
    let body = body(asked.request, asked.method, &visitor)?;
    let (mut query, caller, tls) = (asked.query, visitor.caller.clone(), visitor.tls);
    query.remove(BACKGROUND);
    // A browser that connects again says where it was.
    let last = header(asked.request, "Last-Event-ID").filter(|_| path == ["events"]);
    query.extend(last.map(|last| ("last".to_owned(), last.to_owned())));
    let request = api::Request { method, path, query, body, caller, visitor };
    Ok(match api::answer(desk, request).await? {
        Body::Json(body) => Out::Whole(Reply::json(200, &body)),
        // A look ahead begins no stream.
        Body::Stream(Stream { kind, .. }) if is_head => {
            Out::Whole(Reply { status: 200, kind, body: Vec::new(), heads: Vec::new() })
        }
        Body::Stream(Stream { kind, source: Source::File(name, write) }) => {
            Out::Download(Download { kind, name, write })
        }
        Body::Stream(Stream { kind, source: Source::Events(events) }) => {
            let number = desk.house().gate.leave(events).to_string();
            Out::Whole(Reply { status: 200, kind, body: Vec::new(), heads: vec![(gate::EVENTS, number)] })
        }
        Body::Entered(Entered { body, ticket }) => {
            Out::Whole(Reply::json(200, &body).with("Set-Cookie", cookie(ticket.as_deref(), tls)))
        }
    })
}

fn allowed(needed: Scope, visitor: &Visitor) -> Result<(), ApiError> {
    if visitor.rights.allow(needed) {
        return Ok(());
    }
    if visitor.how == How::Nobody {
        return Err(lodge::not_logged_in());
    }
    let what = format!("{} may not do that: it needs the right '{}'", visitor.caller.who, Rights::word_for(needed));
    Err(ApiError::new(403, what, "ask an administrator who has it"))
}

impl Asked<'_> {
    async fn visitor(&self, desk: &Desk) -> Result<Visitor, ApiError> {
        let tls = matches!(self.peer, Peer::Net { tls: true, .. });
        let cookie = header(self.request, "Cookie").and_then(|all| ticket(all, tls));
        let renew = !self.query.contains_key(BACKGROUND);
        let visitor = lodge::visitor(desk, &self.peer, bearer(self.request), cookie, renew).await?;
        let host = header(self.request, "Host").filter(|_| visitor.ip.is_some()).map(str::to_owned);
        Ok(Visitor { host, ..visitor })
    }
}

/// Over TLS the name asks the browser to hold the cookie to this host, its root path and TLS (RFC 6265bis s4.1.3.2).
fn cookie_name(tls: bool) -> &'static str {
    if tls { "__Host-gatepost" } else { "gatepost" }
}

/// Without a ticket the cookie ends.
fn cookie(ticket: Option<&str>, tls: bool) -> String {
    let (secure, over) = (if tls { "; Secure" } else { "" }, if ticket.is_none() { "; Max-Age=0" } else { "" });
    let ticket = ticket.unwrap_or_default();
    format!("{}={ticket}; Path=/; HttpOnly; SameSite=Strict{secure}{over}", cookie_name(tls))
}

fn ticket(cookies: &str, tls: bool) -> Option<&str> {
    let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == cookie_name(tls)).map(|(_, value)| value).find(|value| !value.is_empty())
}

fn bearer(request: &tiny_http::Request) -> Option<&str> {
    let (scheme, token) = header(request, "Authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// The value of a field.
pub(super) fn header<'a>(request: &'a tiny_http::Request, name: &str) -> Option<&'a str> {
    let mut all = request.headers().iter();
    all.find(|header| header.field.as_str().as_str().eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
}

fn broken_escape() -> ApiError {
    ApiError::new(400, "the path has a broken % escape", "write each octet as % and two hex digits")
}

/// `/api/a/b%40c?x=1` in path and query; the path keeps its escapes.
fn target(url: &str) -> Result<(String, BTreeMap<String, String>), ApiError> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut pairs = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (unescape(name).ok_or_else(broken_escape)?, unescape(value).ok_or_else(broken_escape)?);
        if let Some(name) = pairs.insert(name.clone(), value).map(|_| name) {
            let what = format!("the parameter {name} stands twice");
            return Err(ApiError::new(400, what, "correct it and send it again"));
        }
    }
    Ok((path.to_owned(), pairs))
}

/// RFC 3986 s2.1. `+` is itself: addresses have it.
fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |b: u8| (b as char).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok()
}

/// The JSON body. Unsafe methods need application/json, and Origin equal to Host; only a token and the socket, which no
/// browser sends by itself, may leave Origin out (section 7).
fn body(request: &mut tiny_http::Request, method: Method, visitor: &Visitor) -> Result<Json, ApiError> {
    if matches!(method, Method::Get | Method::Head) {
        return Ok(Json::Null);
    }
    let by_browser = matches!(visitor.how, How::Session(_) | How::Nobody);
    let host = header(request, "Host").unwrap_or_default();
    if !is_own(header(request, "Origin"), host, visitor.tls, by_browser) {
        return Err(ApiError::new(403, "the request comes from another site", "use the page of this server"));
    }
    if !header(request, "Content-Type").is_some_and(is_json) {
        return Err(ApiError::new(415, "the request must be application/json", "say so in Content-Type"));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(limits::HTTP_BODY).unwrap_or(u64::MAX);
    let read = request.as_reader().take(limit).read_to_end(&mut bytes);
    read.map_err(|error| ApiError::new(400, format!("the body cannot be read: {error}"), "send it again"))?;
    if bytes.is_empty() {
        return Ok(Json::Null);
    }
    match serde_json::from_slice(&bytes) {
        Ok(Json::Null) => {
            let what = "the request cannot be read: invalid type: null, expected an object";
            Err(ApiError::new(422, what, "correct it and send it again"))
        }
        Ok(body) => Ok(body),
        Err(error) => Err(ApiError::new(400, format!("the body is no JSON: {error}"), "correct it")),
    }
}

/// RFC 9110 s8.3.1: parameters do not matter, and the case does not either.
fn is_json(kind: &str) -> bool {
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Whether a page of this server asks. A page that came without TLS may be anybody's, so it does not speak for this server
/// over TLS; a proxy may take TLS off before us.
fn is_own(origin: Option<&str>, host: &str, tls: bool, needed: bool) -> bool {
    match origin.map(|origin| origin.split_once("://")) {
        Some(Some((scheme, from))) => {
            from.eq_ignore_ascii_case(host) && (scheme == "https" || scheme == "http" && !tls)
        }
        // `null`: a page that hides where it is from.
        Some(None) => false,
        None => !needed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_cut_and_unescaped_and_a_plus_is_itself() {
        let (path, query) = target("/api/mailboxes/a%2Bb+c%40office.test?purge=1&x=%D0%B0").unwrap();
        assert_eq!(path, "/api/mailboxes/a%2Bb+c%40office.test");
        assert_eq!(unescape("a%2Bb+c%40office.test").as_deref(), Some("a+b+c@office.test"));
        assert_eq!(
            query.into_iter().collect::<Vec<_>>(),
            [("purge".into(), "1".into()), ("x".into(), "\u{430}".into())]
        );
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(unescape(bad), None, "{bad}");
        }
        assert!(target("/api/x?%").is_err());
        assert!(target("/api/x?a=1&b=1&a=1").is_err(), "two readers could take different ones");
    }

    #[test]
    fn another_site_is_told_from_this_one() {
        assert!(is_own(Some("https://gw:8443"), "GW:8443", true, true) && is_own(None, "gw", false, false));
        assert!(is_own(Some("http://gw"), "gw", false, true) && is_own(Some("https://gw"), "gw", false, true));
        for bad in [Some("https://gw"), Some("https://evil.test"), Some("null"), Some("https://gw:8443.evil"), None] {
            assert!(!is_own(bad, "gw:8443", false, true), "{bad:?}");
        }
        for bad in ["http://gw", "gopher://gw", "://gw", "HTTPS://gw"] {
            assert!(!is_own(Some(bad), "gw", true, true), "a page that anybody may have changed: {bad}");
        }
        assert!(!is_own(Some("https://evil.test"), "gw", false, false), "a browser that has a token is a browser");
    }

    #[test]
    fn only_json_is_json() {
        for good in ["application/json", "Application/JSON ; charset=utf-8"] {
            assert!(is_json(good), "{good}");
        }
        for bad in
            ["", "text/plain", "application/jsonp", "application/json-patch+json", "text/plain; application/json"]
        {
            assert!(!is_json(bad), "{bad}");
        }
    }

    #[test]
    fn a_cookie_over_tls_is_another_one_than_without() {
        assert_eq!(cookie(Some("t"), true), "__Host-gatepost=t; Path=/; HttpOnly; SameSite=Strict; Secure");
        assert_eq!(cookie(None, false), "gatepost=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
        let sent = "a=b; gatepost=plain; __Host-gatepost=secure";
        assert_eq!((ticket(sent, true), ticket(sent, false)), (Some("secure"), Some("plain")));
        assert_eq!(ticket("xgatepost=a; gatepost=", false), None);
    }
}
