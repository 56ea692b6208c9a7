//! Requests whose answers are read later: prompts, which the server answers only when the turn is
//! over, and questions that go to many servers at once.
//!
//! In the HTTP library a request and its answer are one call, which blocks until the answer
//! arrives. So the call is made twice over one connection: the first call gives up as soon as the
//! request is sent, and the second call sends nothing and reads the answer.

use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use serde::de::{DeserializeOwned, IgnoredAny};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

use super::conversations::ACTIVITIES;
use super::exchange::Exchange;
use super::failure::{Answer, Cause, Failure};
use super::http::{Client, HEALTH, WRITE_LIMIT, encode, escape};
use super::interrupt::Interruption;
use super::limit::Limit;
use super::wire::{Activities, Health, Invocation, Message, ModelName, Prompt};
use crate::units::{Deadline, REQUEST_LIMIT, TICK, poll};

/// How much of an answer's head is buffered here. It must fit into the library's buffer.
const LARGEST_HEAD: usize = 16 * 1024;

/// A request that was sent, and whose answer is a `T`. Dropping it closes the connection, and the
/// turn of a prompt goes on all the same.
#[derive(Debug)]
pub struct Held<T = Message> {
    client: Client,
    line: Line,
    method: &'static str,
    route: String,
    directory: String,
    answer: PhantomData<T>,
}

impl Client {
    /// Sends a prompt without waiting for the answer. Whether the server accepts the prompt shows
    /// in the answer, or in what the server says about the conversation.
    pub fn hold(&self, conversation: &str, directory: &str, prompt: &Prompt) -> Answer<Held> {
        let route = format!("/session/{}/message", escape(conversation));
        self.begin("POST", route, directory, Some(encode(prompt)), REQUEST_LIMIT)
    }

    /// Asks for a summary of a conversation without waiting for it. The answer says only that it is
    /// there; the summary is a message.
    pub fn hold_summary(
        &self,
        conversation: &str,
        directory: &str,
        model: &ModelName,
    ) -> Answer<Held<IgnoredAny>> {
        let route = format!("/session/{}/summarize", escape(conversation));
        self.begin("POST", route, directory, Some(encode(model)), REQUEST_LIMIT)
    }

    /// Invokes a command without waiting for the answer, which comes as that to a prompt does.
    pub fn hold_command(
        &self,
        conversation: &str,
        directory: &str,
        invocation: &Invocation,
    ) -> Answer<Held> {
        let route = format!("/session/{}/command", escape(conversation));
        self.begin("POST", route, directory, Some(encode(invocation)), REQUEST_LIMIT)
    }

    /// Asks what the conversations of a directory are doing. `limit` covers connecting and sending.
    pub fn hold_activities(&self, directory: &str, limit: Duration) -> Answer<Held<Activities>> {
        self.begin("GET", ACTIVITIES.into(), directory, None, limit)
    }

    /// Asks whether the server is there. `limit` covers connecting and sending.
    pub fn hold_health(&self, limit: Duration) -> Answer<Held<Health>> {
        self.begin("GET", HEALTH.into(), "", None, limit)
    }

    fn begin<T>(
        &self,
        method: &'static str,
        route: String,
        directory: &str,
        body: Option<Vec<u8>>,
        limit: Duration,
    ) -> Answer<Held<T>> {
        let line = Line(Arc::new(Connection {
            interruption: self.interruption.clone(),
            ..Connection::default()
        }));
        let client = self.over(line.clone());
        let directory = directory.into();
        let held = Held { client, line, method, route, directory, answer: PhantomData };
        match held.call(body, limit) {
            Err(failure) if !held.line.0.sent.load(Ordering::Relaxed) => Err(failure),
            _ => Ok(held),
        }
    }
}

impl<T: DeserializeOwned> Held<T> {
    /// Whether the answer has arrived, or the connection has ended, within `limit`. Versions before
    /// 1.15 send a part of the head at once, and the rest when the turn is over.
    pub fn is_ready(&self, limit: Duration) -> bool {
        let Some(stream) = self.line.0.stream.get() else { return true };
        let mut early = self.line.0.early();
        let mut chunk = [0; 4096];
        loop {
            if has_come(&early) {
                return true;
            }
            if poll(stream, PollFlags::IN, limit).is_empty() {
                return false;
            }
            match rustix::net::recv(stream, &mut chunk[..], RecvFlags::DONTWAIT) {
                Ok((count @ 1.., _)) => early.extend_from_slice(&chunk[..count]),
                Err(Errno::AGAIN | Errno::INTR) => return false,
                _ => return true,
            }
        }
    }

    /// The failure of a server that does not begin to answer before the deadline.
    pub fn silence(&self, deadline: Deadline) -> Option<Failure> {
        while !self.is_ready(deadline.remaining(TICK)) {
            if deadline.expired() {
                let request = format!("{} {}", self.method, self.route);
                return Some(Failure { request, cause: Cause::Silent });
            }
        }
        None
    }

    /// The answer, if it starts to arrive before the deadline.
    pub fn answer_by(self, deadline: Deadline) -> Answer<T> {
        if let Some(failure) = self.silence(deadline) {
            return Err(failure);
        }
        self.answer(TICK.max(deadline.remaining(REQUEST_LIMIT)))
    }

    /// The answer. The answer to a prompt is the last message of its turn and comes when the turn
    /// is over, so [`Held::is_ready`] should be asked first.
    pub fn answer(self, limit: Duration) -> Answer<T> {
        self.call(None, limit)?.json()
    }
}

impl<T> Held<T> {
    /// Whether a command was invoked, for which the server has things to do before there is a
    /// prompt.
    pub fn is_of_command(&self) -> bool {
        self.route.ends_with("/command")
    }

    fn call(&self, body: Option<Vec<u8>>, limit: Duration) -> Answer<Exchange> {
        let query = [("directory", &*self.directory)];
        self.client.send(self.method, &self.route, &query, body, Limit::Whole(limit))
    }
}

/// Whether the rest of an answer follows by itself: the head is complete, and the body has begun if
/// the head does not tell its length.
fn has_come(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return answer.len() > LARGEST_HEAD;
    };
    let chunked = answer[..end].to_ascii_lowercase().windows(9).any(|bytes| bytes == b": chunked");
    !chunked || answer.len() > end + 4
}

/// Connects once, and gives the library the same connection for both calls.
#[derive(Clone, Debug)]
struct Line(Arc<Connection>);

#[derive(Debug, Default)]
struct Connection {
    stream: OnceLock<TcpStream>,
    sent: AtomicBool,
    /// What was read of the answer before the second call.
    early: Mutex<Vec<u8>>,
    interruption: Interruption,
}

impl Connection {
    fn early(&self) -> MutexGuard<'_, Vec<u8>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads or writes in ticks, because a server may neither answer nor read a large prompt.
    fn wait(
        &self,
        timeout: NextTimeout,
        mut step: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Result<usize, Error> {
        let stream = self.stream.get().ok_or(Error::ConnectionFailed)?;
        let deadline = Deadline::after(*timeout.after);
        while !deadline.expired() && !self.interruption.is_wanted() {
            match step(stream) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                done => return Ok(done?),
            }
        }
        Err(Error::Timeout(timeout.reason))
    }
}

impl Connector for Line {
    type Out = Wire;

    fn connect(&self, details: &ConnectionDetails, _: Option<()>) -> Result<Option<Wire>, Error> {
        if self.0.stream.get().is_none() {
            let stream = connect_to_any(details)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(TICK))?;
            stream.set_write_timeout(Some(TICK))?;
            let _ = self.0.stream.set(stream);
        }
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        let sent = self.0.sent.load(Ordering::Relaxed);
        Ok(Some(Wire { connection: self.0.clone(), sent, buffers }))
    }
}

/// Tries the addresses of a host one after the other. Each gets half of the time that is left, and
/// the last one all of it.
fn connect_to_any(details: &ConnectionDetails) -> Result<TcpStream, Error> {
    let mut left = details.timeout.not_zero().map_or(WRITE_LIMIT, |limit| *limit);
    let mut result = Err(Error::HostNotFound);
    for (index, address) in details.addrs.iter().enumerate() {
        if index + 1 < details.addrs.len() {
            left /= 2;
        }
        match TcpStream::connect_timeout(address, left) {
            Ok(stream) => return Ok(stream),
            Err(error) => result = Err(error.into()),
        }
    }
    result
}

/// The connection as the library sees it during one call.
#[derive(Debug)]
struct Wire {
    connection: Arc<Connection>,
    /// The first call has sent the request.
    sent: bool,
    buffers: LazyBuffers,
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let mut rest = if self.sent { &[] } else { &self.buffers.output()[..amount] };
        while !rest.is_empty() {
            let write = |mut stream: &TcpStream| stream.write(rest);
            rest = &rest[self.connection.wait(timeout.for_write(), write)?..];
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !self.sent {
            self.connection.sent.store(true, Ordering::Relaxed);
            return Err(Error::Timeout(Timeout::RecvResponse));
        }
        let mut early = self.connection.early();
        let room = self.buffers.input_append_buf();
        let read = |mut stream: &TcpStream| {
            if early.is_empty() {
                stream.read(room)
            } else {
                std::mem::take(&mut *early).as_slice().read(room)
            }
        };
        let amount = self.connection.wait(timeout.for_read(), read)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// A held connection serves no other request.
    fn is_open(&mut self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::net::TcpListener;
    use std::sync::atomic::AtomicUsize;
    use std::time::Instant;

    use super::*;
    use crate::client::wire::InputPart;
    use crate::client::{Cause, Endpoint};

    #[test]
    fn an_answer_has_come_when_nothing_but_its_rest_is_waited_for() {
        for (answer, come) in [
            ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 401 Unauthorized\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1", true),
        ] {
            assert_eq!(has_come(answer.as_bytes()), come, "{answer}");
        }
    }

    #[test]
    fn a_prompt_that_nobody_reads_is_given_up_at_the_limit_and_for_a_signal() {
        let text = "x".repeat(32 << 20);
        let prompt = Prompt {
            id: "msg_1",
            parts: vec![Cow::Owned(InputPart::Text { text: &text })],
            model: None,
            agent: None,
            variant: None,
            system: None,
            format: None,
        };
        // The kernel accepts the connection and buffers some megabytes; no process reads them.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::new(Endpoint {
            url,
            addresses: Vec::new(),
            username: String::new(),
            password: None,
        });
        let signal = Arc::new(AtomicUsize::new(2));
        for (limit, flag) in [(1, None), (60, Some(&signal))] {
            client.limit_to(Deadline::after(Duration::from_secs(limit)), flag);
            let began = Instant::now();
            let failure = client.hold("ses_1", "/", &prompt).unwrap_err();
            assert!(matches!(failure.cause, Cause::Silent), "{failure}");
            // Far from the other limit, and far from what a busy machine needs.
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        }
    }
}
