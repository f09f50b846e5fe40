//! The ports: HTTPS by our certificate, changes without a restart.

use std::net::TcpStream;

use crate::{
    binary::Served,
    common::free_port,
    curl::{Browser, curl},
};

#[test]
fn https_has_a_cookie_of_its_own_and_http_sends_there_where_that_is_demanded() {
    let served = Served::start(&[]);
    served.say(&["admin", "add", "admin"], "correct horse");
    let (http, https) = (format!("http://{}", served.ports.http), format!("https://{}", served.ports.https));
    let browser = Browser::new(&https, served.dir.path(), "tls");
    let login = browser.login("admin", "correct horse");
    let cookie = login.field("Set-Cookie").unwrap();
    assert!(cookie.starts_with("__Host-gatepost=") && cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(browser.get("api/session").status, 200);
    let ticket = cookie.split(['=', ';']).nth(1).unwrap();
    assert_eq!(curl(&["-H", &format!("Cookie: gatepost={ticket}")], &format!("{https}/api/session")).status, 401);
    served.say(&["settings", "set", "tls.http=required"], "");
    let sent = curl(&[], &format!("{http}/api/session?x=1"));
    assert_eq!((sent.status, sent.field("Location").unwrap()), (308, format!("{https}/api/session?x=1").as_str()));
    let insecure = Browser::new(&http, served.dir.path(), "plain").login("admin", "correct horse");
    assert_eq!((insecure.status, insecure.field("Set-Cookie")), (403, None));
    assert_eq!(curl(&[], &format!("{http}/healthz")).status, 200);
    served.say(&["settings", "set", "tls.http=off"], "");
    assert!(TcpStream::connect(served.ports.https).is_err(), "off: there is no HTTPS");
    assert_eq!(curl(&[], &format!("{http}/api/session")).status, 401);
}

#[test]
fn ports_certificates_and_names_change_without_a_restart() {
    let served = Served::start(&[]);
    let pid = served.pid();
    let new = free_port();
    served.say(&["settings", "set", &format!("http.port={new}")], "");
    assert!(TcpStream::connect(served.ports.http).is_err(), "the old port is closed");
    assert_eq!(curl(&[], &format!("http://127.0.0.1:{new}/healthz")).status, 200);
    served.say(&["certificate", "self-signed", "fresh", "--host", "gate.office.test"], "");
    served.say(&["settings", "set", "tls.http.certificate=fresh"], "");
    // The name in the new certificate, and the name that the setting lets in: curl checks both here.
    let ca = served.dir.path().join("ca.pem");
    let pem = std::process::Command::new("openssl")
        .args(["s_client", "-showcerts", "-connect", &served.ports.https.to_string()])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    std::fs::write(&ca, pem.stdout).unwrap();
    let to = format!("gate.office.test:{0}:127.0.0.1", served.ports.https.port());
    let ask = || {
        let url = format!("https://gate.office.test:{}/healthz", served.ports.https.port());
        let out = std::process::Command::new("curl")
            .args(["--silent", "--show-error", "--resolve", &to, "--cacert"])
            .arg(&ca)
            .args(["-w", "%{http_code}", "-o", "/dev/null", &url])
            .output()
            .unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr)
    };
    assert_eq!(ask(), "421", "a name that nobody gave this server");
    served.say(&["settings", "set", "http.allowed_hosts=gate.office.test"], "");
    assert_eq!(ask(), "200");
    assert_eq!(served.pid(), pid);
    let refused =
        std::panic::catch_unwind(|| served.say(&["settings", "set", "tls.http=required", "http.ssl.port=0"], ""));
    assert!(refused.is_err(), "nobody is locked out by a setting");
}
