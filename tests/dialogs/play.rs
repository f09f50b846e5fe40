//! Plays a dialog.

use std::time::Duration;

use gatepost::{
    rt::{block_on, timeout},
    wire::{
        sasl,
        scram::{self, ClientFinal, ClientFirst, Salted, ServerFirst},
    },
};

use crate::{
    peer::{Heard, Peer},
    porch::Porch,
    script::{Step, matches, parse},
};

/// The first thing that is not as it is written.
pub fn play(text: &str) -> Result<(), String> {
    let (head, steps) = parse(text)?;
    let porch = Porch::build(&head);
    let mut steps = steps.into_iter().peekable();
    // What stands before the first S is said before the server can hear it.
    let mut early = Vec::new();
    while let Some((_, Step::Send(octets))) = steps.next_if(|(_, step)| matches!(step, Step::Send(_))) {
        early.extend(octets);
    }
    let (mut peer, task) = porch.call(&head, &early);
    let mut tasks = vec![task];
    let mut second: Option<Peer> = None;
    for (number, step) in steps {
        if matches!(step, Step::Journal(_) | Step::NoJournal(_) | Step::Mail { .. } | Step::NoMail(_)) {
            for task in tasks.drain(..) {
                peer.hang_up();
                second.iter_mut().for_each(Peer::hang_up);
                block_on(timeout(Duration::from_secs(10), task)).ok_or("the session does not end")?;
            }
        }
        let done = match step {
            Step::Second(step) => {
                let second = second.get_or_insert_with(|| {
                    let (peer, task) = porch.call(&head, &[]);
                    tasks.push(task);
                    peer
                });
                one(&porch, second, *step)
            }
            step => one(&porch, &mut peer, step),
        };
        done.map_err(|why| format!("line {number}: {why}"))?;
    }
    Ok(())
}

fn one(porch: &Porch, peer: &mut Peer, step: Step) -> Result<(), String> {
    match step {
        Step::Send(octets) => peer.send(&octets).map_err(|e| format!("send: {e}")),
        Step::Hear(pattern) => hear(peer, &pattern).map(|_| ()),
        Step::PassOver(pattern) => {
            peer.pass_over(pattern);
            Ok(())
        }
        Step::Closed => match peer.hear() {
            Heard::Closed => Ok(()),
            Heard::Line(line) => Err(format!("wanted the end, heard: {line}")),
            Heard::Nothing => Err("wanted the end, heard nothing".into()),
        },
        Step::Silence if peer.is_silent() => Ok(()),
        Step::Silence => Err("wanted silence".into()),
        Step::Tls => peer.begin_tls(),
        Step::Scram { user, password } => scram(peer, &user, &password),
        Step::HangUp => {
            peer.hang_up();
            Ok(())
        }
        Step::Stop => {
            porch.stop.set();
            Ok(())
        }
        Step::Journal(pattern) if journal(porch).iter().any(|line| matches(&pattern, line)) => Ok(()),
        Step::Journal(pattern) => Err(format!("no line is like {pattern} in\n    {}", journal(porch).join("\n    "))),
        Step::NoJournal(pattern) => match journal(porch).into_iter().find(|line| matches(&pattern, line)) {
            None => Ok(()),
            Some(line) => Err(format!("there is a line: {line}")),
        },
        Step::Mail { user, line } => {
            let message = porch.newest(&user).ok_or_else(|| format!("{user} has no mail"))?;
            let text = String::from_utf8_lossy(&message).into_owned();
            if text.split("\r\n").any(|l| matches(&line, l)) {
                Ok(())
            } else {
                Err(format!("not in the mail:\n{text}"))
            }
        }
        Step::Deliver { user, text } => {
            block_on(porch.put(&user, &text));
            Ok(())
        }
        Step::Second(_) => Err("a second client of the second client".into()),
        Step::NoMail(user) => match porch.newest(&user) {
            None => Ok(()),
            Some(text) => Err(format!("{user} has mail:\n{}", String::from_utf8_lossy(&text))),
        },
    }
}

fn hear(peer: &mut Peer, pattern: &str) -> Result<String, String> {
    match peer.hear() {
        Heard::Line(line) if matches(pattern, &line) => Ok(line),
        Heard::Line(line) => Err(format!("wanted: {pattern}\n    heard: {line}")),
        Heard::Closed => Err(format!("wanted: {pattern}, but the server closed")),
        Heard::Nothing => Err(format!("wanted: {pattern}, but heard nothing")),
    }
}

fn journal(porch: &Porch) -> Vec<String> {
    porch.journal.newest(1000).iter().map(|stamped| stamped.line.text.clone()).collect()
}

fn challenge(peer: &mut Peer) -> Result<Vec<u8>, String> {
    let line = hear(peer, "334 *")?;
    sasl::parse_initial(&line.as_bytes()[4..]).map_err(|_| format!("no base64: {line}"))
}

/// RFC 5802, as a client does it.
fn scram(peer: &mut Peer, user: &str, password: &str) -> Result<(), String> {
    let wrong = |what: &str| what.to_owned();
    let say = |peer: &mut Peer, text: String| peer.send(format!("{text}\r\n").as_bytes()).map_err(|e| e.to_string());
    let first = ClientFirst::new(user, "dialog-nonce");
    say(peer, format!("AUTH SCRAM-SHA-256 {}", sasl::write_initial(first.write().as_bytes())))?;
    let server = challenge(peer)?;
    let server_first = ServerFirst::parse(&server).map_err(|_| wrong("server-first"))?;
    let salted = Salted::new(password, &server_first.salt, server_first.iterations);
    let bare = ClientFinal::without_proof_of(first.gs2(), &server_first.nonce);
    let message = scram::auth_message(first.bare(), &server_first.write(), &bare);
    let last = ClientFinal::new(first.gs2(), &server_first.nonce, salted.proof(&message));
    say(peer, sasl::write_challenge(last.write().as_bytes()))?;
    let line = match peer.hear() {
        Heard::Line(line) => line,
        Heard::Closed | Heard::Nothing => return Err(wrong("no answer to the proof")),
    };
    let Some(signature) = line.strip_prefix("334 ") else { return Err(line) };
    let heard = sasl::parse_initial(signature.as_bytes()).map_err(|_| wrong("no base64"))?;
    let expected = scram::ServerFinal::Verifier(salted.server_signature(&message)).write();
    if heard != expected.as_bytes() {
        return Err(wrong("the server does not know the password"));
    }
    say(peer, String::new())?;
    hear(peer, "235 2.7.0 ...").map(|_| ())
}
