//! An event stream that is opened again when it breaks, and waiting while none is open.

use std::time::{Duration, Instant};

use crate::client::{Client, EventStream, Failure, Received};
use crate::units::{Backoff, Deadline, HEARTBEAT_SILENCE, TICK, pause};

/// The pauses between tries to open an event stream.
const RECONNECT: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));

/// How long the head of a stream may take, at the first try and at later ones. On a busy machine it
/// takes its time, and without a stream no text is shown while it is written.
const HEAD_LIMITS: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(1));

/// An event stream that is opened again when it breaks.
pub struct Stream {
    directory: String,
    stream: Option<EventStream>,
    reconnect: Instant,
    pauses: Backoff,
    head_limits: Backoff,
    all: bool,
    /// Why it could not be opened the last time.
    pub trouble: Option<Failure>,
    /// Whether the open stream has brought more than the greeting that every stream begins with.
    greeted: bool,
}

/// What a stream brought.
pub enum Heard<'a> {
    /// No stream was open for a while. The events of that time are lost: the server repeats none.
    Gap,
    /// An event that was too long to be read, which is lost as well.
    Long,
    /// The data of one event.
    Data(&'a [u8]),
}

impl Stream {
    /// Opens the stream of a directory. A failure is not an error: [`Stream::receive`] tries again.
    /// With `all` no event is too long.
    pub fn open(client: &Client, directory: &str, all: bool) -> Stream {
        let mut stream = Stream {
            directory: directory.into(),
            stream: None,
            reconnect: Instant::now(),
            pauses: RECONNECT,
            head_limits: HEAD_LIMITS,
            all,
            trouble: None,
            greeted: false,
        };
        stream.connect(client);
        stream
    }

    /// Whether events can come.
    pub fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Hands over what the stream has, or waits a tick for it. While no stream is open it waits no
    /// longer than `until`, and opens one when it is time for the next try.
    pub fn receive(
        &mut self,
        client: &Client,
        until: Instant,
        deadline: Deadline,
        take: &mut dyn FnMut(Heard),
    ) {
        if self.stream.is_none() && Instant::now() >= self.reconnect {
            take(Heard::Gap);
            self.connect(client);
        }
        let Some(stream) = &mut self.stream else {
            let wait = until.saturating_duration_since(Instant::now()).min(TICK);
            pause(deadline.remaining(wait));
            return;
        };
        let greeted = &mut self.greeted;
        let mut useful = false;
        let received = stream.pump(&mut |data| {
            useful |= *greeted;
            *greeted = true;
            take(data.map_or(Heard::Long, Heard::Data));
        });
        // A server that greets and then breaks off at once must not be asked without pauses.
        if useful {
            self.pauses = RECONNECT;
        }
        if received == Received::Ended || stream.silence() >= HEARTBEAT_SILENCE {
            self.stream = None;
            self.reconnect = Instant::now() + self.pauses.next();
        }
    }

    fn connect(&mut self, client: &Client) {
        self.greeted = false;
        let head_limit = self.head_limits.next();
        match EventStream::open(client, &self.directory, head_limit, self.all) {
            Ok(stream) => self.stream = Some(stream),
            Err(failure) => {
                self.reconnect = Instant::now() + self.pauses.next();
                self.trouble = Some(failure);
            }
        }
    }
}
