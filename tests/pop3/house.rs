//! A POP3 service in this process over a real store, and a client that says lines.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use async_io::Async;
use gatepost::{
    directory::{Directory, Mailbox},
    journal::Journal,
    net::{Acceptor, Conn, Identity, Tickets},
    policy::{Policy, Service},
    rt::{Executor, Shared, Stop, SystemClock, block_on},
    session::pop3::{Pop3, serve},
    settings::{Settings, TlsMode},
    store::Store,
    types::{Address, Flags, MailboxId, UnixTime},
    wire::scram,
};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::pem::PemObject};

use crate::{post, scratch::Scratch};

pub struct House {
    pub store: Store,
    pub settings: Shared<Settings>,
    pub journal: Journal,
    pub stop: Stop,
    pub tls: Shared<Option<Acceptor>>,
    pub scratch: Scratch,
    pop3: Pop3,
    roots: RootCertStore,
    executor: Executor,
    end: Stop,
}

impl Drop for House {
    fn drop(&mut self) {
        self.end.set();
    }
}

pub fn house(name: &str) -> House {
    let scratch = Scratch::new(name);
    let store = post::open(scratch.path());
    let clock = Arc::new(SystemClock::start());
    let journal = Journal::new(clock.clone());
    let settings =
        Settings { login_domain: "office.test".into(), server_name: "mail.office.test".into(), ..Settings::default() };
    let (settings, directory) = (Shared::new(settings), Shared::new(directory()));
    let policy = Policy::new(settings.clone(), directory, store.clone(), journal.clone(), clock)
        .expect("threads and randomness");
    let (chain, key) = Identity::self_signed(&["mail.office.test".into()], UnixTime(0)).unwrap();
    let acceptor = Acceptor::new(&Identity::from_pem(&chain, &key).unwrap(), Tickets::None).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()).unwrap();
    let (tls, stop, end) = (Shared::new(Some(acceptor)), Stop::default(), Stop::default());
    let executor = Executor::start(2).unwrap();
    let pop3 = Pop3 {
        service: Service::Pop3,
        settings: settings.clone(),
        tls: tls.clone(),
        policy: Arc::new(policy),
        store: store.clone(),
        journal: journal.clone(),
        stop: stop.clone(),
    };
    House { store, settings, journal, stop, tls, scratch, pop3, roots, executor, end }
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    for (id, name, password) in [(1, "ann@office.test", "ann-pass-1"), (2, "bob@office.test", "bob-pass-1")] {
        let address = Address::parse(name).unwrap();
        let credential = scram::derive(password, b"0123456789abcdef", 1000);
        let mailbox = Mailbox {
            id: MailboxId(id),
            address,
            password: credential.into(),
            quota: None,
            owner: String::new(),
            enabled: true,
        };
        directory.mailboxes.put(mailbox);
    }
    directory
}

impl House {
    /// Delivers to ann.
    pub fn deliver(&self, message: &[u8]) {
        block_on(post::deliver(&self.store, message, &[1])).unwrap();
    }

    /// Which of ann's messages are seen.
    pub fn seen(&self) -> Vec<bool> {
        block_on(post::list(&self.store, 1)).iter().map(|row| row.flags.has(Flags::SEEN)).collect()
    }

    pub fn tls_mode(&self, mode: TlsMode) {
        let settings = Settings { pop3_tls: mode, ..Settings::clone(&self.settings.get()) };
        self.settings.set(settings);
    }

    fn dial(&self, service: Service) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let mut conn = Conn::plain(Async::new(socket).unwrap()).unwrap();
        let pop3 = Pop3 { service, ..self.pop3.clone() };
        self.executor
            .spawn(async move {
                if service == Service::Pop3s {
                    let acceptor = pop3.tls.get();
                    conn.starttls(acceptor.as_ref().as_ref().unwrap(), Duration::from_secs(20)).await.unwrap();
                }
                serve(pop3, conn).await;
            })
            // The session ends with its connection, the executor with the house.
            .detach();
        client
    }

    /// A port where sessions are served until the house ends, for programs.
    pub fn port(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (pop3, executor) = (self.pop3.clone(), self.executor.clone());
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let conn = Conn::plain(Async::new(socket.unwrap()).unwrap()).unwrap();
                executor.spawn(serve(pop3.clone(), conn)).detach();
            }
        });
        port
    }

    /// A client on 110, greeted.
    pub fn connect(&self) -> Client {
        let mut client = Client(BufReader::new(Box::new(self.dial(Service::Pop3))));
        assert_eq!(client.read(), "+OK mail.office.test POP3 ready");
        client
    }

    /// A client on 995, greeted.
    pub fn connect_tls(&self) -> Client {
        let socket = self.dial(Service::Pop3s);
        let mut client = Client(BufReader::new(Box::new(self.shake(socket))));
        assert_eq!(client.read(), "+OK mail.office.test POP3 ready");
        client
    }

    pub fn raw(&self) -> TcpStream {
        self.dial(Service::Pop3)
    }

    pub fn shake(&self, socket: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        let name = "mail.office.test".try_into().unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket)
    }

    /// Logged in as ann.
    pub fn ann(&self) -> Client {
        let mut client = self.connect();
        client.login();
        client
    }

    /// The journal's texts, oldest first.
    pub fn told(&self) -> Vec<String> {
        self.journal.newest(1000).into_iter().map(|stamped| stamped.line.text).collect()
    }

    /// Waits until the journal tells a line with this text.
    pub fn until_told(&self, text: &str) -> String {
        for _ in 0..1000 {
            if let Some(line) = self.told().into_iter().find(|line| line.contains(text)) {
                return line;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("never told: {text}\n{:#?}", self.told());
    }
}

pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

pub struct Client(pub BufReader<Box<dyn Stream>>);

impl Client {
    pub fn over(stream: impl Stream + 'static) -> Self {
        Client(BufReader::new(Box::new(stream)))
    }

    pub fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
        self.0.get_mut().flush().unwrap();
    }

    /// A line without its CRLF; empty at the end of the connection.
    pub fn read(&mut self) -> String {
        String::from_utf8(self.read_octets()).unwrap()
    }

    pub fn read_octets(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).unwrap();
        assert!(line.is_empty() || line.ends_with(b"\r\n"), "{line:?}");
        line.truncate(line.len().saturating_sub(2));
        line
    }

    pub fn ask(&mut self, line: &str) -> String {
        self.write(&format!("{line}\r\n"));
        self.read()
    }

    /// Lines up to the dot, dots undone.
    pub fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.read();
            match line.as_str() {
                "." => return lines,
                "" if self.at_end() => panic!("the connection ended inside {lines:?}"),
                text => lines.push(text.strip_prefix('.').unwrap_or(text).to_owned()),
            }
        }
    }

    pub fn ask_lines(&mut self, line: &str) -> Vec<String> {
        let status = self.ask(line);
        assert!(status.starts_with("+OK"), "{status}");
        self.lines()
    }

    pub fn login(&mut self) {
        assert_eq!(self.ask("USER ann"), "+OK Send the password");
        let status = self.ask("PASS ann-pass-1");
        assert!(status.starts_with("+OK Logged in"), "{status}");
    }

    /// Whether the server closed it.
    pub fn at_end(&mut self) -> bool {
        self.0.fill_buf().is_ok_and(<[u8]>::is_empty)
    }
}
