//! The event streams `/event` and `/global/event`.
//!
//! | fault below `events` | effect |
//! | --- | --- |
//! | `silent: true` | the stream opens and no event comes, not even the first one |
//! | `heartbeats_only: true` | nothing but `server.connected` and heartbeats |
//! | `heartbeat_ms: N` | a heartbeat every N ms instead of every 10 s |
//! | `deaf_ms: N` | events of the first N ms are lost (a busy real server loses some, too) |
//! | `close_after: N` | the stream ends after N events |
//! | `garbage: true` | comments, lines that are not JSON, and unknown events between the others |
//! | `duplicate: true` | every event comes twice |
//! | `no_deltas: true` | `message.part.delta` is left out |
//! | `late: N` | every event comes N ms later (`true` is 1000) |
//! | `old_form: true` | as of 1.1: no event ids, and `delta` inside `message.part.updated` |
//! | `deltas_before_part: true` | deltas come before the part that they belong to |
//! | `flood: N` | N deltas of another conversation come before each answer |

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::http_server::{Connection, Request};
use super::faults::Faults;
use super::ids::id;
use super::state::Shared;

/// The time between two heartbeats of the real server.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How often a quiet stream checks that its client is still there.
const TICK: Duration = Duration::from_millis(200);

/// An event on its way to the streams.
#[derive(Clone)]
struct Happened {
    at: Instant,
    directory: Arc<str>,
    event: Arc<Value>,
}

/// The open streams.
#[derive(Default)]
pub struct Listeners(Mutex<Vec<Sender<Happened>>>);

impl Shared {
    /// Tells every stream that something happened.
    pub fn publish(&self, kind: &str, directory: &str, properties: Value) {
        let happened = Happened {
            at: Instant::now(),
            directory: directory.into(),
            event: Arc::new(json!({"id": id("evt"), "type": kind, "properties": properties})),
        };
        let mut listeners = self.listeners.0.lock().unwrap();
        listeners.retain(|listener| listener.send(happened.clone()).is_ok());
    }

    fn listen(&self) -> Receiver<Happened> {
        let (sender, receiver) = channel();
        self.listeners.0.lock().unwrap().push(sender);
        receiver
    }
}

/// One stream, while it is open.
struct Stream<'a> {
    connection: &'a mut Connection,
    faults: Faults,
    global: bool,
    sent: u64,
    /// Parts that deltas belong to; only for the old form.
    begun: HashMap<String, Value>,
}

/// Answers `/event` (one directory) or `/global/event` (all of them).
pub fn stream(
    shared: &Shared,
    request: &Request,
    connection: &mut Connection,
    global: bool,
) -> io::Result<()> {
    let faults = Faults::read();
    let receiver = shared.listen();
    connection.begin_stream()?;
    if faults.has("/events/silent") {
        return connection.wait_until_closed();
    }
    let wanted = request.query("directory").unwrap_or(&shared.directory).to_owned();
    let late = match faults.get("/events/late") {
        Some(Value::Bool(true)) => Duration::from_secs(1),
        _ => faults.duration("/events/late"),
    };
    let pace = faults.number("/events/heartbeat_ms").map_or(HEARTBEAT, Duration::from_millis);
    let quiet = faults.has("/events/heartbeats_only");
    let mut stream = Stream { connection, faults, global, sent: 0, begun: HashMap::new() };
    stream.own("server.connected")?;
    let hears_from = Instant::now() + stream.faults.duration("/events/deaf_ms");
    let mut beat = Instant::now() + pace;
    loop {
        let left = beat.saturating_duration_since(Instant::now());
        // Flushed only when no event is at hand, or a flood would cost a system call for each
        // event.
        let next = match receiver.try_recv() {
            Ok(happened) => Ok(happened),
            Err(_) => {
                stream.connection.flush()?;
                receiver.recv_timeout(left.min(TICK))
            }
        };
        match next {
            Ok(happened) if quiet || happened.at < hears_from => {}
            Ok(happened) if !global && *happened.directory != *wanted => {}
            Ok(happened) => {
                if !late.is_zero() {
                    stream.connection.flush()?;
                    std::thread::sleep(
                        (happened.at + late).saturating_duration_since(Instant::now()),
                    );
                }
                stream.send(&happened)?;
            }
            Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                stream.own("server.heartbeat")?;
                beat = Instant::now() + pace;
            }
            Err(RecvTimeoutError::Timeout) if stream.connection.is_closed() => return Ok(()),
            Err(_) => {}
        }
        if stream.faults.number("/events/close_after").is_some_and(|limit| stream.sent >= limit) {
            stream.connection.end_stream()?;
            // The connection outlives its body, and is closed by this error.
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
    }
}

impl Stream<'_> {
    /// Sends an event of the stream itself.
    fn own(&mut self, kind: &str) -> io::Result<()> {
        let event = json!({"id": id("evt"), "type": kind, "properties": {}});
        let frame = if self.global { json!({"payload": event}) } else { event };
        self.write(&frame)
    }

    fn send(&mut self, happened: &Happened) -> io::Result<()> {
        let kind = &happened.event["type"];
        if kind == "message.part.delta" && self.faults.has("/events/no_deltas") {
            return Ok(());
        }
        let mut event = Value::clone(&happened.event);
        if self.faults.has("/events/old_form") {
            match self.old_form(event) {
                Some(old) => event = old,
                None => return Ok(()),
            }
        }
        if self.faults.has("/events/garbage") {
            self.connection
                .push(b": a comment\n\nevent: message\nid: 7\nretry: 10\ndata: {not json\n\n")?;
            let unknown = r#"{"type":"never.heard.of","properties":{"sessionID":5}}"#;
            self.connection.push(format!("data:\n\ndata: {unknown}\n\n").as_bytes())?;
            self.connection.push(b"data: [1]\n\ndata: {\"type\":7}\n\nno field at all\n\n")?;
        }
        let frame = if self.global {
            json!({"directory": *happened.directory, "project": "global", "payload": event})
        } else {
            event
        };
        self.write(&frame)?;
        if self.faults.has("/events/duplicate") {
            self.write(&frame)?;
        }
        Ok(())
    }

    fn write(&mut self, frame: &Value) -> io::Result<()> {
        self.sent += 1;
        self.connection.push(format!("data: {frame}\n\n").as_bytes())
    }

    /// An event in the form of 1.1, where a delta carried its part with the text so far; `None` for
    /// an event that 1.1 did not send.
    fn old_form(&mut self, mut event: Value) -> Option<Value> {
        if let Some(object) = event.as_object_mut() {
            object.remove("id");
        }
        let properties = &event["properties"];
        if event["type"] == "message.part.delta" {
            let part = self.begun.get_mut(properties["partID"].as_str()?)?;
            let delta = &properties["delta"];
            let text = part["text"].as_str()?.to_owned() + delta.as_str()?;
            part["text"] = text.into();
            let properties = json!({"part": part, "delta": delta});
            return Some(json!({"type": "message.part.updated", "properties": properties}));
        }
        let part = &properties["part"];
        if part["type"] == "text" && part["text"] == "" {
            self.begun.insert(part["id"].as_str()?.to_owned(), part.clone());
            return None;
        }
        Some(event)
    }
}
