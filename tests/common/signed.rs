//! Signed zones of DNS, made by NLnet's ldns and served by NSD on loopback: a root of the test's own, and what hangs on it.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::common::{TempDir, free_port};

/// What is done to a zone behind its signing.
pub type Spoil = fn(&str) -> String;

pub struct Zone {
    /// With its last dot.
    name: &'static str,
    /// Lines of a zone file, names whole.
    records: String,
    signed: Option<Signing>,
}

#[derive(Clone, Copy)]
struct Signing {
    flags: &'static [&'static str],
    /// Keys that sign records.
    keys: usize,
    spoil: Spoil,
    /// Its parent knows nothing of it.
    island: bool,
}

impl Zone {
    pub fn signed(name: &'static str, records: String) -> Zone {
        let signing = Signing { flags: &[], keys: 1, spoil: str::to_owned, island: false };
        Zone { name, records, signed: Some(signing) }
    }

    pub fn unsigned(name: &'static str, records: String) -> Zone {
        Zone { name, records, signed: None }
    }

    fn with(mut self, change: impl FnOnce(&mut Signing)) -> Zone {
        change(self.signed.as_mut().unwrap());
        self
    }

    /// With more flags of ldns-signzone.
    pub fn flags(self, flags: &'static [&'static str]) -> Zone {
        self.with(|signing| signing.flags = flags)
    }

    /// Two keys sign every record, as while one takes the other's place (RFC 6781 s4.1.1).
    pub fn twice(self) -> Zone {
        self.with(|signing| signing.keys = 2)
    }

    pub fn spoilt(self, spoil: Spoil) -> Zone {
        self.with(|signing| signing.spoil = spoil)
    }

    /// No parent vouches for it.
    pub fn island(self) -> Zone {
        self.with(|signing| signing.island = true)
    }

    fn is_island(&self) -> bool {
        self.signed.is_some_and(|signing| signing.island)
    }

    fn is_below(&self, other: &Zone) -> bool {
        self.name != other.name && (other.name == "." || self.name.ends_with(&format!(".{}", other.name)))
    }
}

pub struct Zones {
    _dir: TempDir,
    server: Child,
    pub at: SocketAddr,
    /// Zone, and the lines of its keys: the one that signs keys is the first.
    keys: Vec<(&'static str, Vec<String>)>,
}

impl Zones {
    /// Signs and serves them; parents stand before their children.
    pub fn serve(zones: &[Zone]) -> Zones {
        let (dir, port) = (TempDir::new(), free_port());
        let mut config = server(dir.path(), port);
        let (mut keys, mut below) = (Vec::new(), vec![String::new(); zones.len()]);
        for (n, zone) in zones.iter().enumerate().rev() {
            let start = "IN SOA ns.test. root.test. 1 3600 600 86400 60";
            let text = format!("$TTL 60\n{0} {start}\n{0} IN NS ns.test.\n{1}{2}", zone.name, zone.records, below[n]);
            let made = make(dir.path(), n, zone, &text);
            if let Some(parent) = (0..n).rev().find(|p| zone.is_below(&zones[*p])).filter(|_| !zone.is_island()) {
                below[parent] += &format!("{} IN NS ns.test.\n{}", zone.name, made.ds);
            }
            config += &format!("zone:\n  name: \"{}\"\n  zonefile: \"zone{n}\"\n", zone.name);
            keys.push((zone.name, made.keys));
        }
        fs::write(dir.path().join("nsd.conf"), config).unwrap();
        let mut command = Command::new("nsd");
        command.arg("-d").arg("-c").arg(dir.path().join("nsd.conf"));
        let log = || fs::OpenOptions::new().create(true).append(true).open(dir.path().join("log")).unwrap();
        let server = command.stdin(Stdio::null()).stdout(log()).stderr(log()).spawn();
        let server = server.expect("this test needs NSD: scripts/install-test-tools");
        let zones = Zones { at: SocketAddr::from(([127, 0, 0, 1], port)), server, keys, _dir: dir };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(zones.at).is_err() {
            assert!(Instant::now() < until, "NSD: {}", fs::read_to_string(zones._dir.path().join("log")).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        zones
    }

    /// DNSKEY records of a zone.
    pub fn keys(&self, zone: &str) -> &[String] {
        &self.keys.iter().find(|(name, _)| *name == zone).unwrap().1
    }
}

impl Drop for Zones {
    fn drop(&mut self) {
        // It takes its children along.
        let _ = Command::new("kill").args(["-TERM", &self.server.id().to_string()]).status();
        let _ = self.server.wait();
    }
}

fn server(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  zonesdir: \"{dir}\"\n  database: \"\"\n  pidfile: \"{dir}/pid\"\n  \
         xfrdfile: \"{dir}/xfrd\"\n  zonelistfile: \"{dir}/list\"\n  xfrdir: \"{dir}\"\n  server-count: 1\n\
         remote-control:\n  control-enable: no\n"
    )
}

#[derive(Default)]
struct Made {
    ds: String,
    keys: Vec<String>,
}

fn make(dir: &Path, n: usize, zone: &Zone, text: &str) -> Made {
    let file = format!("zone{n}");
    fs::write(dir.join(&file), text).unwrap();
    let Some(signing) = zone.signed else { return Made::default() };
    let key = |kind: &[&str]| {
        let args = [&["-a", "ECDSAP256SHA256"], kind, &[zone.name]].concat();
        tool(dir, "ldns-keygen", &args).trim().to_owned()
    };
    let mut names = vec![key(&["-k"])];
    names.extend((0..signing.keys).map(|_| key(&[])));
    let mut args = [&["-o", zone.name, "-f", "signed"], signing.flags, &[&file]].concat();
    args.extend(names.iter().map(String::as_str));
    tool(dir, "ldns-signzone", &args);
    let signed = fs::read_to_string(dir.join("signed")).unwrap();
    fs::write(dir.join(&file), (signing.spoil)(&signed)).unwrap();
    let read = |name: &String, end: &str| fs::read_to_string(dir.join(format!("{name}.{end}"))).unwrap();
    Made { ds: read(&names[0], "ds"), keys: names.iter().map(|name| read(name, "key").trim().to_owned()).collect() }
}

fn tool(dir: &Path, name: &str, args: &[&str]) -> String {
    let out = Command::new(name).args(args).current_dir(dir).output();
    let out = out.unwrap_or_else(|e| panic!("{name}: {e}: scripts/install-test-tools"));
    assert!(out.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}
