//! The whole house on the disk that a power cut left: what POP3 shows, and what SMTP takes.

use std::{collections::BTreeMap, sync::Arc};

use gatepost::{
    admin::Caller,
    app::{House as App, Options},
};

use super::{
    LOGINS, Recording,
    clients::{Talk, pop3_login, uidl},
    common::{Ports, fresh_ports},
    facts::Truth,
    judge::{compare, is_new},
    post::{ANN, Post, Token},
    recorder::Recorder,
};

/// Starts a house there and asks its sessions.
pub fn sessions_find(recording: &Recording, image: &Recorder, truth: &Truth) -> Result<(), String> {
    let mut options = Options::at(&recording.judge.state);
    options.disk = Arc::new(image.clone());
    options.dev_log = recording.dir.path().join("no-dev-log");
    let app = App::start(options).map_err(|error| format!("it does not start: {error}"))?;
    let ports = move_to_other_ports(&app);
    let found = ask(&recording.judge.post, ports, truth);
    app.stop("the next cut");
    found
}

/// Somebody may have taken the old ports meanwhile.
fn move_to_other_ports(app: &App) -> Ports {
    let (ports, settings) = fresh_ports();
    let changes: BTreeMap<String, Option<String>> = settings.into_iter().map(|(k, v)| (k, Some(v))).collect();
    smol::block_on(async {
        let rev = app.desk.versions().await.unwrap().newest().unwrap().rev;
        app.desk.save(rev, changes, &Caller::ourselves()).await.unwrap();
    });
    ports
}

fn ask(post: &Post, ports: Ports, truth: &Truth) -> Result<(), String> {
    let mut all = Vec::new();
    for login in LOGINS {
        let mut talk = pop3_login(ports.pop3, login);
        let mut held = Vec::new();
        for (number, uidl) in uidl(&mut talk) {
            talk.pop3(&format!("RETR {number}"));
            let token = post.token(&talk.text()).map_err(|what| format!("{}: {what}", login.0))?;
            held.push((token, uidl));
        }
        all.push((login.0.to_owned(), held));
    }
    let before: Vec<(Token, String)> = all[0].1.clone();
    compare(truth, all)?;
    let mut talk = Talk::to(ports.smtp);
    talk.smtp("EHLO after.test");
    talk.smtp("MAIL FROM:<>");
    talk.smtp(&format!("RCPT TO:<{ANN}>"));
    talk.smtp("DATA");
    let reply = talk.smtp("Subject: after\r\n\r\nthe cut\r\n.");
    if !reply.starts_with("250") {
        return Err(format!("no mail after the cut: {reply}"));
    }
    let list = uidl(&mut pop3_login(ports.pop3, LOGINS[0]));
    if list.len() != before.len() + 1 {
        return Err("a message that came after the cut is not there".to_owned());
    }
    is_new(truth, reply.rsplit(' ').next().unwrap(), (ANN, &list[before.len()].1))
}
