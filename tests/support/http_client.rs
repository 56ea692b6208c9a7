//! A tiny HTTP client for the tests themselves, so that they do not judge occtl by its own client.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long an answer may take; the first turn of a server needs a few seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An answer, read completely.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `null` when it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// `GET url`.
pub fn get(url: &str) -> io::Result<Answer> {
    request("GET", url, &[], b"")
}

/// `POST url` with a JSON body.
pub fn post(url: &str, body: &Value) -> io::Result<Answer> {
    let json = ("content-type", "application/json");
    request("POST", url, &[json], body.to_string().as_bytes())
}

/// Any request, on a connection of its own.
pub fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let (mut reader, status, headers) = open(method, url, headers, body)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    Ok(Answer { status, headers, body: bytes })
}

type Opened = (Box<dyn BufRead + Send>, u16, Vec<(String, String)>);

fn open(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Opened> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut reader = BufReader::new(stream);
    let status = line(&mut reader)?;
    let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        let line = line(&mut reader)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let header =
        |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let reader: Box<dyn BufRead + Send> = if header("transfer-encoding") == Some("chunked") {
        Box::new(BufReader::new(Chunked { reader, left: 0 }))
    } else if let Some(length) = header("content-length").and_then(|text| text.parse().ok()) {
        Box::new(reader.take(length))
    } else {
        Box::new(reader)
    };
    Ok((reader, status, headers))
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// A chunked body without its framing.
struct Chunked {
    reader: BufReader<TcpStream>,
    left: usize,
}

impl Read for Chunked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let size = line(&mut self.reader)?;
            self.left = usize::from_str_radix(&size, 16).unwrap_or(0);
            if self.left == 0 {
                return Ok(0);
            }
        }
        let length = buffer.len().min(self.left);
        let count = self.reader.read(&mut buffer[..length])?;
        self.left -= count;
        if self.left == 0 {
            line(&mut self.reader)?;
        }
        Ok(count)
    }
}

/// One server-sent event.
#[derive(Clone, Debug)]
pub struct Event {
    /// The data as it came.
    pub raw: String,
    /// The data as JSON; `null` when it is not JSON.
    pub value: Value,
}

/// A stream of server-sent events, collected by a thread.
pub struct Events {
    receiver: std::sync::mpsc::Receiver<Event>,
}

impl Events {
    /// Opens a stream; returns when its first event (`server.connected`) has come.
    pub fn open(url: &str) -> io::Result<Self> {
        let (mut reader, _, _) = open("GET", url, &[], b"")?;
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut text = String::new();
        while !text.starts_with("data:") {
            text.clear();
            if reader.read_line(&mut text)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        std::thread::spawn(move || {
            loop {
                if let Some(data) = text.strip_prefix("data:") {
                    let raw = data.trim().to_owned();
                    let value = serde_json::from_str(&raw).unwrap_or(Value::Null);
                    if sender.send(Event { raw, value }).is_err() {
                        return;
                    }
                }
                text.clear();
                if reader.read_line(&mut text).unwrap_or(0) == 0 {
                    return;
                }
            }
        });
        Ok(Self { receiver })
    }

    /// The events up to and including the first that `last` accepts; if none comes in time, `Err`
    /// with the events that came.
    pub fn until(
        &self,
        timeout: Duration,
        last: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Event>, Vec<Event>> {
        let deadline = Instant::now() + timeout;
        let mut events = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(event) = self.receiver.recv_timeout(left) else {
                return Err(events);
            };
            let done = last(&event.value);
            events.push(event);
            if done {
                return Ok(events);
            }
        }
    }
}
