//! The scripts: shellcheck likes them, and `scripts/run` does what README.md promises.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod common;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::TempDir;

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn shellcheck_likes_every_script() {
    let mut scripts: Vec<PathBuf> =
        fs::read_dir(tree().join("scripts")).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_file()).collect();
    scripts.push(tree().join(".ci/run"));
    let shell = |p: &PathBuf| fs::read_to_string(p).unwrap().lines().next().unwrap_or("").contains("sh");
    scripts.retain(shell);
    assert!(scripts.len() >= 5, "{scripts:?}");
    let out = Command::new("shellcheck").args(&scripts).output().expect("apt-get install shellcheck");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
}

/// `scripts/run` in a directory of its own, with the program of this build.
struct Run {
    child: Child,
    output: PathBuf,
}

impl Run {
    fn start(dir: &Path) -> Run {
        let output = dir.join("said");
        let file = File::create(&output).unwrap();
        let child = Command::new(dir.join("scripts/run"))
            .arg(env!("CARGO_BIN_EXE_gatepost"))
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Run { child, output }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    /// What it says once it has said everything.
    fn ready(&mut self) -> String {
        let start = Instant::now();
        while !self.said().contains("Ctrl-C ends the server.") {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {}", self.said());
            assert!(start.elapsed() < Duration::from_secs(60), "not ready: {}", self.said());
            thread::sleep(Duration::from_millis(50));
        }
        self.said()
    }

    /// As Ctrl-C does it, but for this process only.
    fn stop(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap();
    }
}

/// The command that stands below a head like `Read it:`.
fn command(said: &str, head: &str) -> String {
    let mut lines = said.lines().skip_while(|l| *l != head);
    lines.nth(1).unwrap_or_else(|| panic!("no {head} in {said}")).trim().to_owned()
}

fn shell(line: &str) -> String {
    let out = Command::new("bash").args(["-c", line]).output().unwrap();
    let text = [out.stdout, out.stderr].map(|t| String::from_utf8_lossy(&t).into_owned()).concat();
    assert!(out.status.success(), "{line}\n{text}");
    text
}

#[test]
fn run_makes_an_office_and_keeps_it() {
    let dir = TempDir::new();
    shell(&format!("cp -r {}/scripts {}", tree().display(), dir.path().display()));
    let mut first = Run::start(dir.path());
    let said = first.ready();
    for word in [
        "SMTP ",
        "submission ",
        "SMTP SSL",
        "POP3 ",
        "POP3 SSL",
        "IMAP ",
        "IMAP SSL",
        "ann@office.test",
        "bob@office.test",
        "admin ",
        "https://127.0.0.1:",
    ] {
        assert!(said.contains(word), "{word} is not in {said}");
    }
    assert_eq!(said.matches("password ").count(), 3, "{said}");
    shell(&command(&said, "Send a message:"));
    let fetched = shell(&command(&said, "Read it:"));
    assert!(fetched.contains("Subject: hello") && fetched.contains("It works."), "{fetched}");
    assert_eq!(shell(&command(&said, "The same by IMAP:")), fetched);
    let link = shell(&format!(
        "cd {} && {}",
        dir.path().display(),
        command(&said, "Administer (the link logs in once, within a minute):")
    ));
    let entered = shell(&format!("curl --silent --include {}", link.trim()));
    assert!(entered.contains("303") && entered.contains("HttpOnly"), "{entered}");
    let mut beside = Run::start(dir.path());
    assert!(beside.child.wait().unwrap().success(), "a second call beside the first only tells");
    first.stop();

    let mut second = Run::start(dir.path());
    let again = second.ready();
    let passwords =
        |text: &str| -> Vec<String> { text.lines().filter(|l| l.contains(" password ")).map(str::to_owned).collect() };
    assert_eq!(passwords(&again), passwords(&said), "everything is kept");
    assert_eq!(shell(&command(&again, "Read it:")), fetched);
    second.stop();
    is_private(dir.path());
}

/// Only the user who runs it may read mail and passwords.
fn is_private(dir: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for (name, mode) in [("var", 0o700), ("var/state", 0o700), ("var/accounts", 0o600)] {
        let found = fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{name}: {found:o}");
    }
}
