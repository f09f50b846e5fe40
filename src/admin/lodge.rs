//! The porter's lodge: who is this visitor, and what may he? Logins, logouts, one-time links, tokens that are shown.
//!
//! Rights come from three places only: the socket of the subcommands (all), a session (what its administrator may now), a
//! token (its scopes). What the visitor says of himself gives none.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use serde_json::json;

use super::{
    Answer, ApiError, Caller, Desk,
    answer::Entered,
    api::Request,
    gate::Peer,
    roles::Rights,
    sessions::{Life, Links, Sessions},
    tokens,
};
use crate::{
    directory::{Admin, Change},
    journal::{AdminEvent, WebLogin},
    policy::{AdminRefusal, Client, LoginRefusal, Service},
};

/// A token's use is told again after this long.
const TELL_EVERY: Duration = Duration::from_secs(3600);
/// Uses of tokens that are remembered as told.
const TOLD: usize = 64;
/// Octets of a name or a password at the login.
const LONGEST: usize = 1024;

/// What the lodge remembers.
#[derive(Default)]
pub(super) struct Lodge {
    sessions: Sessions,
    links: Links,
    told: Mutex<HashMap<(String, IpAddr), Duration>>,
}

/// How somebody came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// By the socket of the subcommands.
    Local,
    /// By a session; its ticket.
    Session(String),
    /// By a token; its id.
    Token(String),
    /// Not at all yet.
    Nobody,
}

/// Who asks, and what he may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// For the journal and the versions of settings.
    pub caller: Caller,
    /// What he may.
    pub rights: Rights,
    /// How he came in.
    pub how: How,
    /// The administrator's name, where he is one.
    pub admin: Option<String>,
    /// His address; None at the socket of the subcommands.
    pub ip: Option<IpAddr>,
    /// Whether nobody could listen.
    pub tls: bool,
    /// The name by which his browser calls this server; None at the socket of the subcommands.
    pub host: Option<String>,
}

impl Visitor {
    /// The program itself.
    pub fn ourselves() -> Self {
        let caller = Caller::ourselves();
        Visitor { caller, rights: Rights::all(), how: How::Local, admin: None, ip: None, tls: false, host: None }
    }

    fn nobody(ip: IpAddr, tls: bool) -> Self {
        let caller = Caller { who: "nobody".to_owned(), from: ip.to_string() };
        Visitor { caller, rights: Rights::default(), how: How::Nobody, admin: None, ip: Some(ip), tls, host: None }
    }

    fn by(mut self, how: How, who: String, rights: Rights) -> Self {
        (self.caller.who, self.rights, self.how) = (who, rights, how);
        self
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    old: String,
    new: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLink {
    admin: String,
}

/// What a full administrator may, and one who may only look.
fn rights(admin: &Admin) -> Rights {
    if admin.read_only { Rights::look() } else { Rights::all() }
}

/// Who asks. `bearer` is the token of Authorization, `cookie` the ticket of the cookie; `renew`: not a look of the page by itself.
pub(super) async fn visitor(
    desk: &Desk,
    peer: &Peer,
    bearer: Option<&str>,
    cookie: Option<&str>,
    renew: bool,
) -> Result<Visitor, ApiError> {
    let (ip, tls) = match peer {
        Peer::Local { user, .. } => {
            let caller = Caller { who: user.clone(), from: "socket".to_owned() };
            return Ok(Visitor { caller, ..Visitor::ourselves() });
        }
        Peer::Net { ip, tls } => (*ip, *tls),
    };
    let nobody = Visitor::nobody(ip, tls);
    if let Some(token) = bearer {
        let Some((id, name, rights)) = tokens::find(desk, token).await? else {
            desk.tell_login(&nobody, WebLogin::BadToken);
            return Err(ApiError::new(401, "this token is not known here", "make one: gatepost token add"));
        };
        desk.tell_token(&name, ip, tls);
        return Ok(nobody.by(How::Token(id), format!("token {name}"), rights));
    }
    let Some(ticket) = cookie else { return Ok(nobody) };
    Ok(match desk.session(ticket, renew) {
        Some(admin) => {
            let visitor = nobody.by(How::Session(ticket.to_owned()), admin.name.clone(), rights(&admin));
            Visitor { admin: Some(admin.name), ..visitor }
        }
        None => nobody,
    })
}

/// `session` (GET)
pub(super) async fn session(_desk: &Desk, request: Request) -> Answer {
    let visitor = request.visitor;
    let how = match visitor.how {
        How::Local => "socket",
        How::Session(_) => "session",
        How::Token(_) => "token",
        How::Nobody => return Err(not_logged_in()),
    };
    let read_only = visitor.rights == Rights::look();
    Ok(json!({ "name": visitor.caller.who, "how": how, "scopes": visitor.rights.words(), "read_only": read_only }))
}

/// `login` (POST)
pub(super) async fn login(desk: &Desk, mut request: Request) -> Result<Entered, ApiError> {
    let Login { name, password } = request.take()?;
    let admin = desk.check_password(&request.visitor, &name, &password).await?;
    desk.tell_login(&request.visitor, WebLogin::Password { user: admin.name.clone() });
    desk.enter(&admin)
}

/// `logout` (POST)
pub(super) async fn logout(desk: &Desk, request: Request) -> Result<Entered, ApiError> {
    Ok(desk.end(&request.visitor, false))
}

/// `logout-everywhere` (POST)
pub(super) async fn logout_everywhere(desk: &Desk, request: Request) -> Result<Entered, ApiError> {
    Ok(desk.end(&request.visitor, true))
}

/// `password` (POST): one's own. It ends every session; this one goes on under a new ticket.
pub(super) async fn password(desk: &Desk, mut request: Request) -> Result<Entered, ApiError> {
    let NewPassword { old, new } = request.take()?;
    let visitor = &request.visitor;
    let name = visitor.admin.clone().ok_or_else(not_logged_in)?;
    desk.check_password(visitor, &name, &old).await.map_err(|error| match error.status {
        401 => ApiError::field("old", "is not your password"),
        _ => error,
    })?;
    let credential = super::credential(&desk.house().settings.get(), &new, &name)?;
    desk.change(Change::SetAdminPassword(name.clone(), credential), &visitor.caller).await?;
    let admin = desk.house().directory.get().admins.get(&name).cloned();
    desk.enter(&admin.ok_or_else(not_logged_in)?)
}

/// `login-links` (POST): where a browser is sent to be logged in, once, within a minute.
pub(super) async fn link(desk: &Desk, mut request: Request) -> Answer {
    let NewLink { admin } = request.take()?;
    let visitor = &request.visitor;
    if !desk.house().directory.get().admins.contains_key(&admin) {
        return Err(ApiError::field("admin", "names no administrator"));
    }
    let code = desk.lodge().links.make(&admin, desk.house().clock.mono());
    let code = code.ok_or_else(|| ApiError::new(429, "too many links wait to be used", "try again in a minute"))?;
    desk.tell_login(visitor, WebLogin::LinkMade { user: admin, by: visitor.caller.who.clone() });
    let path = format!("/link/{code}");
    let url = format!("{}{path}", desk.base(visitor));
    Ok(json!({ "url": url, "path": path, "seconds": crate::limits::LOGIN_LINK_SECS }))
}

/// Nobody may do that.
pub(super) fn not_logged_in() -> ApiError {
    ApiError::new(401, "you are not logged in", "log in, or send a token: Authorization: Bearer gp_...")
}

impl Desk {
    fn session(&self, ticket: &str, renew: bool) -> Option<Admin> {
        let settings = self.house().settings.get();
        let life = Life {
            idle: Duration::from_secs(60 * u64::from(settings.http_idle_minutes)),
            whole: Duration::from_secs(3600 * u64::from(settings.http_session_hours)),
        };
        let (now, directory) = (self.house().clock.mono(), self.house().directory.get());
        self.lodge().sessions.find(ticket, now, life, &directory, renew)
    }

    /// Whether somebody who came in may still be here: his session lives, his token was not revoked, or he has another way.
    pub(super) async fn is_still_in(&self, visitor: &Visitor) -> bool {
        match &visitor.how {
            How::Session(ticket) => self.session(ticket, false).is_some(),
            How::Token(id) => tokens::is_there(self, id).await,
            How::Local => true,
            How::Nobody => false,
        }
    }

    async fn check_password(&self, visitor: &Visitor, name: &str, password: &str) -> Result<Admin, ApiError> {
        let Some(ip) = visitor.ip else {
            return Err(ApiError::new(400, "who comes by the socket needs no login", "ask at once"));
        };
        if name.len() > LONGEST || password.len() > LONGEST {
            return Err(wrong());
        }
        let service = if visitor.tls { Service::Https } else { Service::Http };
        let client = Client { ip, service, tls: visitor.tls, login: None };
        if !self.house().policy.may_login(&client) {
            return Err(ApiError::new(403, "a password is taken over HTTPS only", "use the HTTPS port"));
        }
        self.house().policy.admin(ip, name, password).await.map_err(|refusal| {
            self.tell_login(visitor, WebLogin::of(refusal.why, name));
            refused(refusal)
        })
    }

    fn enter(&self, admin: &Admin) -> Result<Entered, ApiError> {
        let ticket = self.lodge().sessions.begin(admin, self.house().clock.mono());
        let ticket =
            ticket.ok_or_else(|| ApiError::new(500, "this machine gives no random numbers", "try again later"))?;
        let body = json!({ "name": admin.name, "how": "session", "read_only": admin.read_only, "scopes": rights(admin).words() });
        Ok(Entered { body, ticket: Some(ticket) })
    }

    fn end(&self, visitor: &Visitor, everywhere: bool) -> Entered {
        let How::Session(ticket) = &visitor.how else {
            return Entered { body: json!({ "ended": 0 }), ticket: None };
        };
        let user = visitor.caller.who.clone();
        let ended = if everywhere {
            self.lodge().sessions.end_all(&user)
        } else {
            self.lodge().sessions.end(ticket);
            1
        };
        self.tell_login(visitor, WebLogin::Out { user, everywhere });
        Entered { body: json!({ "ended": ended }), ticket: None }
    }

    /// Where a browser reaches this server: as the visitor did; who came by the socket is told the server's name.
    fn base(&self, visitor: &Visitor) -> String {
        let settings = self.house().settings.get();
        match &visitor.host {
            Some(host) => format!("{}://{host}", if visitor.tls { "https" } else { "http" }),
            None if settings.http_networks.is_empty() && settings.http_port != 0 => {
                format!("http://127.0.0.1:{}", settings.http_port)
            }
            None => format!("https://{}:{}", settings.server_name, settings.https_port()),
        }
    }

    /// `/link/CODE`: the ticket of a new session, if the code is good.
    pub(super) fn use_link(&self, visitor: &Visitor, code: &str) -> Option<String> {
        let name = self.lodge().links.take(code, self.house().clock.mono());
        let admin = name.and_then(|name| self.house().directory.get().admins.get(&name).cloned());
        let Some(admin) = admin else {
            self.tell_login(visitor, WebLogin::BadLink);
            return None;
        };
        self.tell_login(visitor, WebLogin::Link { user: admin.name.clone() });
        self.enter(&admin).ok()?.ticket
    }

    fn tell_login(&self, visitor: &Visitor, what: WebLogin) {
        let (ip, tls) = (visitor.ip, visitor.tls);
        self.house().journal.tell(AdminEvent::Web { what, ip, tls });
    }

    /// A token that a script shows every minute is told once an hour.
    fn tell_token(&self, name: &str, ip: IpAddr, tls: bool) {
        let now = self.house().clock.mono();
        let mut told = self.lodge().told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.saturating_sub(*at) < TELL_EVERY);
        let who = (name.to_owned(), ip);
        if told.len() < TOLD && told.insert(who, now).is_none() {
            let what = WebLogin::Token { name: name.to_owned() };
            self.house().journal.tell(AdminEvent::Web { what, ip: Some(ip), tls });
        }
    }
}

impl WebLogin {
    fn of(why: LoginRefusal, name: &str) -> Self {
        let user = name.to_owned();
        match why {
            LoginRefusal::Wrong | LoginRefusal::Malformed => WebLogin::Wrong { user },
            LoginRefusal::Throttled => WebLogin::Throttled { user },
            LoginRefusal::Busy => WebLogin::Busy { user },
        }
    }
}

fn wrong() -> ApiError {
    ApiError::new(401, "the name or the password is wrong", "try again")
}

fn refused(refusal: AdminRefusal) -> ApiError {
    let seconds = refusal.wait.as_millis().div_ceil(1000).max(1);
    let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
    match refusal.why {
        LoginRefusal::Wrong | LoginRefusal::Malformed => wrong(),
        LoginRefusal::Throttled => {
            let todo = format!("wait {seconds} seconds, then try again");
            ApiError { retry: Some(seconds), ..ApiError::new(429, "there were too many wrong passwords", todo) }
        }
        LoginRefusal::Busy => {
            ApiError { retry: Some(5), ..ApiError::new(503, "too many logins at once", "try again in a few seconds") }
        }
    }
}
