//! A small HTTP/1.1 server: a thread for each connection, keep-alive, chunked streams.
//!
//! The scripted model and the stand-in share it. It is written by hand because both must be able to
//! misbehave on purpose (cut a body, never answer), which the server of a library would prevent.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

/// One request, read completely.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    /// The path without the query, percent-decoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The decoded value of a query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The body as JSON; `null` when it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The connection that a request came on. An `Err` of any method means that the client is gone.
pub struct Connection {
    reader: BufReader<TcpStream>,
    writer: io::BufWriter<TcpStream>,
    head_has_begun: bool,
    halves: bool,
    date: String,
    is_last: bool,
}

impl Connection {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            reader: BufReader::new(stream.try_clone()?),
            writer: io::BufWriter::with_capacity(64 * 1024, stream),
            head_has_begun: false,
            halves: false,
            date: String::new(),
            is_last: false,
        })
    }

    /// From now on `<` and `>` of a body are sent as the halves of 😀, as a JavaScript program
    /// writes them that has cut a text within it, or not; and answers have this `Date`.
    pub fn set(&mut self, halves: bool, date: String) {
        self.halves = halves;
        self.date = date;
    }

    /// Announces that the connection is closed after the next answer. The handler closes it.
    pub fn announce_end(&mut self) {
        self.is_last = true;
    }

    fn halved<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.halves {
            return Cow::Borrowed(body);
        }
        let text = String::from_utf8_lossy(body);
        Cow::Owned(text.replace('<', "\\ud83d").replace('>', "\\ude00").into_bytes())
    }

    /// Answers with a body of known length.
    pub fn answer(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
        let body = &*self.halved(body);
        self.head(status, headers)?;
        // 204 has no body, and a length there confuses clients that keep the connection.
        if status == 204 {
            write!(self.writer, "\r\n")?;
        } else {
            write!(self.writer, "content-length: {}\r\n\r\n", body.len())?;
            self.writer.write_all(body)?;
        }
        self.writer.flush()
    }

    /// Answers with a JSON document.
    pub fn json(&mut self, status: u16, value: &Value) -> io::Result<()> {
        let body = value.to_string();
        self.answer(status, &[("content-type", "application/json")], body.as_bytes())
    }

    /// Announces the length of a whole JSON document, and sends the first half of it.
    pub fn cut_json(&mut self, value: &Value) -> io::Result<()> {
        let body = value.to_string();
        self.head(200, &[("content-type", "application/json")])?;
        write!(self.writer, "content-length: {}\r\n\r\n", body.len())?;
        self.writer.write_all(&body.as_bytes()[..body.len() / 2])?;
        self.writer.flush()
    }

    /// Begins a chunked answer, for server-sent events.
    pub fn begin_stream(&mut self) -> io::Result<()> {
        self.head(200, &[("content-type", "text/event-stream"), ("cache-control", "no-cache")])?;
        write!(self.writer, "transfer-encoding: chunked\r\n\r\n")?;
        self.writer.flush()
    }

    /// Begins a chunked answer, for a document in pieces.
    pub fn begin_json(&mut self) -> io::Result<()> {
        self.head(200, &[("content-type", "application/json")])?;
        write!(self.writer, "transfer-encoding: chunked\r\n\r\n")
    }

    /// Adds to a chunked answer; [`Connection::flush`] sends it.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        let bytes = &*self.halved(bytes);
        write!(self.writer, "{:x}\r\n", bytes.len())?;
        self.writer.write_all(bytes)?;
        self.writer.write_all(b"\r\n")
    }

    /// Sends what was pushed.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    /// Ends a chunked answer properly.
    pub fn end_stream(&mut self) -> io::Result<()> {
        self.writer.write_all(b"0\r\n\r\n")?;
        self.writer.flush()
    }

    /// Reads until the client closes the connection; for answers that never come.
    pub fn wait_until_closed(&mut self) -> io::Result<()> {
        io::copy(&mut self.reader, &mut io::sink()).map(drop)
    }

    /// Whether the client closed its side, without blocking.
    pub fn is_closed(&mut self) -> bool {
        let stream = self.reader.get_ref();
        if stream.set_nonblocking(true).is_err() {
            return true;
        }
        let mut byte = [0];
        let closed = match stream.peek(&mut byte) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        stream.set_nonblocking(false).is_err() || closed
    }

    /// Sends the beginning of the head of a good answer before the rest of it is known.
    pub fn early_head(&mut self) -> io::Result<()> {
        self.writer.write_all(b"HTTP/1.1 200 OK\r\nvary: Origin\r\n")?;
        self.head_has_begun = true;
        self.writer.flush()
    }

    fn head(&mut self, status: u16, headers: &[(&str, &str)]) -> io::Result<()> {
        if !std::mem::take(&mut self.head_has_begun) {
            write!(self.writer, "HTTP/1.1 {status} {}\r\n", reason(status))?;
        }
        for (name, value) in headers {
            write!(self.writer, "{name}: {value}\r\n")?;
        }
        if self.is_last {
            write!(self.writer, "connection: close\r\n")?;
        }
        if !self.date.is_empty() {
            write!(self.writer, "date: {}\r\n", self.date)?;
        }
        Ok(())
    }

    fn read_request(&mut self) -> io::Result<Option<Request>> {
        let Some(first) = self.line()? else {
            return Ok(None);
        };
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or("/").to_owned();
        let mut headers = Vec::new();
        while let Some(line) = self.line()?.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').unwrap_or((&line, ""));
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if find(&headers, "expect").is_some() {
            self.writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            self.writer.flush()?;
        }
        let body = if find(&headers, "transfer-encoding") == Some("chunked") {
            self.chunked_body()?
        } else {
            let length = find(&headers, "content-length").and_then(|text| text.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            self.reader.read_exact(&mut body)?;
            body
        };
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Ok(Some(Request {
            method,
            path: decode(path),
            query: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (decode(key), decode(value)))
                .collect(),
            headers,
            body,
        }))
    }

    fn chunked_body(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = self.line()?.unwrap_or_default();
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            let start = body.len();
            body.resize(start + size, 0);
            self.reader.read_exact(&mut body[start..])?;
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        let count = self.reader.read_line(&mut line)?;
        Ok((count > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// Undoes percent encoding, and `+` for a space.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match (first, code.and_then(|pair| u8::from_str_radix(pair, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(first),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

/// A running server. Dropping it closes the listener and every connection.
pub struct Server {
    port: u16,
    stopping: Arc<AtomicBool>,
    connections: Connections,
    accepting: Option<JoinHandle<()>>,
}

type Connections = Arc<Mutex<HashMap<u64, TcpStream>>>;

impl Server {
    /// Serves `listener`. The handler runs on the connection's own thread; its `Err` closes the
    /// connection.
    pub fn start<H>(listener: TcpListener, handler: H) -> io::Result<Self>
    where
        H: Fn(&Request, &mut Connection) -> io::Result<()> + Send + Sync + 'static,
    {
        let port = listener.local_addr()?.port();
        let stopping = Arc::new(AtomicBool::new(false));
        let connections = Connections::default();
        let handler = Arc::new(handler);
        let accepting = {
            let (stopping, connections) = (Arc::clone(&stopping), Arc::clone(&connections));
            std::thread::spawn(move || {
                let numbers = AtomicU64::new(0);
                for stream in listener.incoming() {
                    if stopping.load(Ordering::SeqCst) {
                        return;
                    }
                    let Ok(stream) = stream else { continue };
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    let (handler, connections) = (Arc::clone(&handler), Arc::clone(&connections));
                    if let Ok(copy) = stream.try_clone() {
                        connections.lock().unwrap().insert(number, copy);
                    }
                    std::thread::spawn(move || {
                        // An error means that the client went away, or that the handler wants the
                        // connection closed.
                        drop(serve_connection(stream, &*handler));
                        if let Some(stream) = connections.lock().unwrap().remove(&number) {
                            drop(stream.shutdown(Shutdown::Both));
                        }
                    });
                }
            })
        };
        Ok(Self { port, stopping, connections, accepting: Some(accepting) })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // The accepting thread only looks at the flag when a connection comes.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.accepting.take() {
            drop(thread.join());
        }
        for stream in self.connections.lock().unwrap().values() {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn serve_connection<H>(stream: TcpStream, handler: &H) -> io::Result<()>
where
    H: Fn(&Request, &mut Connection) -> io::Result<()>,
{
    let mut connection = Connection::new(stream)?;
    while let Some(request) = connection.read_request()? {
        handler(&request, &mut connection)?;
        connection.flush()?;
        if request.header("connection") == Some("close") {
            break;
        }
    }
    Ok(())
}
