//! A reader of the event stream, as a browser reads it: chunks off, events cut at empty lines.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;

/// One event.
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

pub struct Events {
    from: BufReader<UnixStream>,
    text: String,
}

impl Events {
    /// Opens a stream and waits until it runs; `last` is the id of the event that was seen last.
    pub fn open(socket: &Path, last: &str) -> Self {
        let mut stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let last = if last.is_empty() { String::new() } else { format!("Last-Event-ID: {last}\r\n") };
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: x\r\n{last}Connection: close\r\n\r\n").unwrap();
        let mut events = Events { from: BufReader::new(stream), text: String::new() };
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(events.from.read_line(&mut head).unwrap(), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/event-stream"), "{head}");
        while !events.text.contains(": open\n\n") {
            assert!(events.chunk());
        }
        events
    }

    /// One more chunk; false behind the last.
    fn chunk(&mut self) -> bool {
        let mut size = String::new();
        if self.from.read_line(&mut size).unwrap_or(0) == 0 {
            return false;
        }
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut bytes = vec![0; size + 2];
        self.from.read_exact(&mut bytes).unwrap();
        self.text += std::str::from_utf8(&bytes[..size]).unwrap();
        size > 0
    }

    /// The next event of a name; others are passed over.
    pub fn next(&mut self, name: &str) -> Event {
        let began = std::time::Instant::now();
        loop {
            assert!(began.elapsed().as_secs() < 20, "no {name} came");
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |field: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
                    line.unwrap_or_default().to_owned()
                };
                let found = Event {
                    id: field("id"),
                    name: field("event"),
                    data: serde_json::from_str(&field("data")).unwrap_or_default(),
                };
                self.text = rest.to_owned();
                if found.name == name {
                    return found;
                }
            }
            assert!(self.chunk(), "the stream ended before {name}");
        }
    }

    /// Whether it comes to its end, whole, within a moment.
    pub fn ends(&mut self) -> bool {
        let began = std::time::Instant::now();
        while self.chunk() {}
        began.elapsed() < Duration::from_secs(5)
    }
}
