//! The files of `board/`: systemd and OpenWrt start the program, hardened, and no mail setting stands there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Ten times the exposure that `systemd-analyze security` may find (0 = shut, 100 = open). What is left open on purpose is
/// said in the unit.
const EXPOSURE: &str = "--threshold=16";

fn board(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("board").join(name)
}

fn run(program: &str, package: &str, args: &[&str]) -> Output {
    Command::new(program)
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; it comes with: apt-get install {package}"))
}

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// A copy of the unit that names a program which exists here.
fn unit(name: &str, change: impl Fn(String) -> String) -> (PathBuf, PathBuf) {
    let dir = std::env::temp_dir().join(format!("gatepost-board-{name}-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let text = fs::read_to_string(board("gatepost.service")).unwrap();
    let text = change(text.replace("/usr/bin/gatepost", env!("CARGO_BIN_EXE_gatepost")));
    let path = dir.join("gatepost.service");
    fs::write(&path, text).unwrap();
    (dir, path)
}

fn verify(name: &str, change: impl Fn(String) -> String) -> Output {
    let (dir, path) = unit(name, change);
    let out = run("systemd-analyze", "systemd", &["verify", path.to_str().unwrap()]);
    fs::remove_dir_all(dir).unwrap();
    out
}

fn security(name: &str, change: impl Fn(String) -> String) -> Output {
    let (dir, path) = unit(name, change);
    let args = ["security", "--offline=true", "--no-pager", EXPOSURE, path.to_str().unwrap()];
    let out = run("systemd-analyze", "systemd", &args);
    fs::remove_dir_all(dir).unwrap();
    out
}

#[test]
fn systemd_finds_no_fault_with_the_unit() {
    let out = verify("good", |text| text);
    assert!(out.status.success() && said(&out).is_empty(), "{}", said(&out));
    let bad = verify("bad", |text| text.replace("NoNewPrivileges=yes", "NoNewPrivilege=yes"));
    assert!(said(&bad).contains("NoNewPrivilege"), "a misspelt line was not seen: {}", said(&bad));
}

#[test]
fn the_unit_is_hardened() {
    let out = security("good", |text| text);
    assert!(out.status.success(), "{}", said(&out));
    assert!(said(&out).contains("Overall exposure level"), "{}", said(&out));
    let bad = security("bad", |text| text.replace("ProtectSystem=strict\n", ""));
    assert!(!bad.status.success(), "a unit without ProtectSystem passed: {}", said(&bad));
}

#[test]
fn every_line_of_the_unit_stands_below_its_reason() {
    let text = fs::read_to_string(board("gatepost.service")).unwrap();
    let service: Vec<&str> =
        text.split("[Service]").nth(1).unwrap().split("[Install]").next().unwrap().lines().collect();
    let mut reasons = 0;
    for paragraph in service.split(|line| line.is_empty()) {
        assert!(paragraph.first().is_none_or(|l| l.starts_with('#')), "no reason above {paragraph:?}");
        reasons += paragraph.iter().filter(|l| l.starts_with('#')).count();
    }
    assert!(reasons >= 20, "only {reasons} reasons");
}

#[test]
fn the_openwrt_script_is_a_shell_script_that_shellcheck_likes() {
    let path = board("gatepost.init");
    let path = path.to_str().unwrap();
    let syntax = run("sh", "dash", &["-n", path]);
    assert!(syntax.status.success(), "{}", said(&syntax));
    let style = run("shellcheck", "shellcheck", &["--shell=dash", path]);
    assert!(style.status.success(), "{}", said(&style));
}

/// procd's functions stand in for it and write down what they are told.
#[test]
fn the_openwrt_script_tells_procd_what_it_must() {
    let state = std::env::temp_dir().join(format!("gatepost-procd-{}", std::process::id()));
    let script = format!(
        "chown() {{ :; }}; for f in open_instance set_param add_jail close_instance; do \
         eval \"procd_$f() {{ echo $f \\\"\\$@\\\"; }}\"; done; . {}; STATE={}; start_service",
        board("gatepost.init").display(),
        state.display()
    );
    let out = run("sh", "dash", &["-c", &script]);
    let _ = fs::remove_dir(&state);
    let told = said(&out);
    for line in [
        format!("set_param command /usr/bin/gatepost serve --state {}", state.display()),
        "set_param respawn 3600 5 0".to_owned(),
        "set_param user gatepost".to_owned(),
        "close_instance".to_owned(),
    ] {
        assert!(told.lines().any(|l| l == line), "{line:?} is not in\n{told}");
    }
}

#[test]
fn the_one_capability_is_the_only_one() {
    let text = fs::read_to_string(board("gatepost.capabilities.json")).unwrap();
    let sets: std::collections::BTreeMap<String, Vec<String>> = serde_json::from_str(&text).unwrap();
    assert_eq!(sets.len(), 5, "bounding, effective, ambient, permitted, inheritable");
    assert!(sets.values().all(|set| set == &["CAP_NET_BIND_SERVICE"]), "{sets:?}");
}

/// Words that only a mail setting would bring in.
const MAIL: &[&str] =
    &["smtp", "pop3", "imap", "relay", "quota", "--set", "port", "domain", "syslog", "tls", "certificate"];

fn mail_words(text: &str) -> Vec<&'static str> {
    let code: Vec<String> =
        text.lines().filter(|l| !l.trim_start().starts_with('#')).map(str::to_ascii_lowercase).collect();
    MAIL.iter().filter(|word| code.iter().any(|line| line.contains(**word))).copied().collect()
}

#[test]
fn no_mail_setting_stands_in_the_boards_files() {
    for name in ["gatepost.service", "gatepost.init", "gatepost.capabilities.json"] {
        let text = fs::read_to_string(board(name)).unwrap();
        assert_eq!(mail_words(&text), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(mail_words("# smtp\nExecStart=/usr/bin/gatepost serve --set smtp.port=25\n"), ["smtp", "--set", "port"]);
}
