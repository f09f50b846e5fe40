//! Plays a dialog: the server's part from the script, the client's by the pool.

use std::{net::TcpListener, sync::Arc, thread, time::Duration};

use async_io::Async;
use gatepost::{
    net::{Acceptor, Conn, Identity, Tickets},
    remote::smtp::{Login, Outcome, Target, Verdict},
    rt::{block_on, timeout},
    types::{Hop, HopTls, Notify, Ret, ReversePath, Terms, UnixTime},
    wire::Secret,
};

use crate::{
    script::{Fate, Script, Step, matches, unescaped},
    world::{PATIENCE, World, direct, job},
};

/// The first thing that is not as it is written.
pub fn play(text: &str) -> Result<(), String> {
    let script = Script::parse(text)?;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let Script { head, steps, fates } = script;
    let script = Script { head, ..Script::default() };
    let patience = script.get("patience").map_or(PATIENCE, |ms| Duration::from_millis(ms.parse().unwrap()));
    let server = thread::spawn(move || block_on(serve(&listener, steps)));
    let world = World::at(port, patience);
    world.dns.mx("null.test", 0, "");
    let job = the_job(&script, port);
    let outcomes =
        block_on(timeout(Duration::from_secs(60), world.pool.carry(&job))).ok_or("the attempt does not end")?;
    let served = server.join().unwrap();
    drop(world);
    let to: Vec<String> = job.rcpts.iter().map(|rcpt| rcpt.to.to_string()).collect();
    served.and_then(|()| compare(&to, &fates, &outcomes))
}

fn the_job(script: &Script, port: u16) -> gatepost::remote::smtp::Job {
    let to: Vec<&str> = script.get("to").unwrap_or("bob@example.test").split(", ").collect();
    let text = script.get("text").map_or_else(|| b"Subject: hi\r\n\r\nhello\r\n".to_vec(), unescaped);
    let hop = |tls: &str| Hop { host: "127.0.0.1".into(), port, tls: HopTls::parse(tls).unwrap() };
    let target = match script.get("target").map(|target| target.split_once(' ').unwrap_or((target, "off"))) {
        None => direct(to[0].rsplit_once('@').unwrap().1),
        Some(("relay", tls)) => Target::Relay(hop(tls)),
        Some(("lmtp", tls)) => Target::Lmtp(hop(tls)),
        Some((other, _)) => panic!("target {other}"),
    };
    let mut job = job(target, &to, &text);
    if script.get("from") == Some("<>") {
        job.from = ReversePath::Null;
    }
    let ret = script.get("ret").map(|_| Ret::Headers);
    job.terms = Terms { utf8: script.get("utf8").is_some(), ret, envid: script.get("envid").map(Into::into) };
    if script.get("notify").is_some() {
        job.rcpts[0].wishes.notify = Some(Notify { success: true, failure: true, delay: false });
    }
    job.prefix = script.get("prefix").map(unescaped).unwrap_or_default();
    job.login = script.get("login").and_then(|login| login.split_once(' ')).map(|(name, password)| Login {
        name: name.to_owned(),
        password: Arc::new(Secret(password.as_bytes().to_vec())),
    });
    job
}

fn acceptor() -> Acceptor {
    let (chain, key) = Identity::self_signed(&["mx.example.test".into()], UnixTime(0)).unwrap();
    Acceptor::new(&Identity::from_pem(&chain, &key).unwrap(), Tickets::None).unwrap()
}

async fn serve(listener: &TcpListener, steps: Vec<(usize, Step)>) -> Result<(), String> {
    if steps.is_empty() {
        return Ok(());
    }
    let listener = Async::new(listener.try_clone().unwrap()).unwrap();
    let mut conn = Some(accept(&listener).await?);
    for (n, step) in steps {
        if matches!(step, Step::Next) {
            drop(conn.take());
            conn = Some(accept(&listener).await.map_err(|why| format!("line {n}: {why}"))?);
        } else if matches!(step, Step::Close) {
            if let Some(conn) = conn.take() {
                conn.close(Duration::from_secs(1)).await;
            }
        } else {
            let conn = conn.as_mut().ok_or(format!("line {n}: the connection is closed"))?;
            one(conn, step).await.map_err(|why| format!("line {n}: {why}"))?;
        }
    }
    if let Some(mut conn) = conn {
        conn.flush(PATIENCE).await.map_err(|why| why.to_string())?;
        // Behind the last step only QUIT may come, or the end.
        match conn.line(1000, Duration::from_millis(200)).await {
            Ok((line, _)) if line != b"QUIT" => return Err(format!("behind the last step: {}", line.escape_ascii())),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

async fn accept(listener: &Async<TcpListener>) -> Result<Conn, String> {
    let (socket, _) = timeout(PATIENCE, listener.accept()).await.ok_or("nobody connects")?.unwrap();
    Ok(Conn::plain(socket).unwrap())
}

async fn one(conn: &mut Conn, step: Step) -> Result<(), String> {
    match step {
        Step::Say(octets) => {
            conn.put(&octets);
            conn.flush(PATIENCE).await.map_err(|why| format!("send: {why}"))
        }
        Step::Hear(pattern) => {
            let (line, _) = conn.line(100_000, PATIENCE).await.map_err(|why| format!("wanted {pattern}, but {why}"))?;
            let line = String::from_utf8_lossy(&line).into_owned();
            if matches(&pattern, &line) { Ok(()) } else { Err(format!("wanted {pattern}\n    heard  {line}")) }
        }
        Step::Tls => conn.starttls(&acceptor(), PATIENCE).await.map_err(|why| format!("handshake: {why}")),
        Step::NoTls => match conn.starttls(&acceptor(), PATIENCE).await {
            // Under TLS 1.3 the server is done before the client has judged.
            Ok(()) => conn.line(100, PATIENCE).await.err().map(drop).ok_or("the client went on".to_owned()),
            Err(_) => Ok(()),
        },
        Step::Pause(ms) => {
            timeout(Duration::from_millis(ms), std::future::pending::<()>()).await;
            Ok(())
        }
        Step::Close | Step::Next => Ok(()),
    }
}

fn compare(to: &[String], fates: &[Fate], outcomes: &[Outcome]) -> Result<(), String> {
    let shown: Vec<String> =
        outcomes.iter().map(|o| format!("{} {}", to[o.id.0 as usize - 1], show(&o.verdict))).collect();
    if outcomes.len() != to.len() || fates.len() != to.len() {
        return Err(format!("{} recipients, {} fates, outcomes: {shown:#?}", to.len(), fates.len()));
    }
    for fate in fates {
        let pattern = format!("{} {}", fate.to, fate.what);
        if !shown.iter().any(|line| matches(&pattern, line)) {
            return Err(format!("wanted = {pattern}\n    {}", shown.join("\n    ")));
        }
    }
    Ok(())
}

fn show(verdict: &Verdict) -> String {
    let word = match verdict {
        Verdict::Delivered { passed_on: false, .. } => "delivered",
        Verdict::Delivered { passed_on: true, .. } => "passed-on",
        Verdict::Later { reached: true, .. } => "later",
        Verdict::Later { reached: false, .. } => "later-unreached",
        Verdict::Never(_) => "never",
    };
    let answer = verdict.answer();
    format!("{word} {} {} {}", answer.code, answer.status, answer.text).trim_end().to_owned()
}
