//! The events of a turn, as long as there are any; and waiting when there are none.

use std::time::{Duration, Instant};

use super::Watcher;
use crate::client::{Client, Event, EventStream, Received};
use crate::process;
use crate::runner::turn::Turn;
use crate::units::{Backoff, Deadline, HEARTBEAT_SILENCE, TICK};

/// The pauses between tries to open an event stream.
const RECONNECT_FIRST: Duration = Duration::from_millis(50);
const RECONNECT_LONGEST: Duration = Duration::from_secs(5);
/// How long the head of a stream is waited for. On a busy machine it takes its time, and without a stream no
/// text is shown as it is written.
const HEAD_FIRST: Duration = Duration::from_millis(500);
const HEAD_LONGEST: Duration = Duration::from_secs(1);

/// An event stream that is opened again when it breaks.
pub struct Stream {
    directory: String,
    stream: Option<EventStream>,
    reconnect: Instant,
    pauses: Backoff,
    patience: Backoff,
}

/// What a stream brought.
pub enum Heard<'a> {
    /// There was none for a while, or one too long to be taken. It is lost; there is no replay.
    Gap,
    /// The data of one event.
    Data(&'a [u8]),
}

impl Heard<'_> {
    /// Gives it to a turn.
    pub fn tell(&self, turn: &mut Turn, watcher: &mut dyn Watcher) {
        match self {
            Heard::Gap => turn.gap(),
            Heard::Data(data) => {
                let event = Event::decode(data, &|conversation| turn.concerns(conversation));
                if let Some(event) = event {
                    turn.event(&event, Instant::now(), &mut |text| watcher.text(text));
                }
            }
        }
    }
}

impl Stream {
    /// Opens the stream; that it fails is no reason to worry yet.
    pub fn open(client: &Client, directory: &str) -> Stream {
        let mut stream = Stream {
            directory: directory.into(),
            stream: None,
            reconnect: Instant::now(),
            pauses: Backoff::new(RECONNECT_FIRST, RECONNECT_LONGEST),
            patience: Backoff::new(HEAD_FIRST, HEAD_LONGEST),
        };
        stream.connect(client);
        stream
    }

    /// Whether events can come.
    pub fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Takes what the stream has, or waits for as long as there is nothing better to do.
    pub fn listen(
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
            let pause = until.saturating_duration_since(Instant::now()).min(TICK);
            process::pause(deadline.remaining(pause));
            return;
        };
        let mut useful = false;
        let received = stream.pump(&mut |data| {
            useful = true;
            take(data.map_or(Heard::Gap, Heard::Data));
        });
        if useful {
            self.pauses = Backoff::new(RECONNECT_FIRST, RECONNECT_LONGEST);
        }
        if matches!(received, Received::Ended(_)) || stream.silence() >= HEARTBEAT_SILENCE {
            self.stream = None;
            self.reconnect = Instant::now() + self.pauses.next();
        }
    }

    fn connect(&mut self, client: &Client) {
        match EventStream::open(client, &self.directory, self.patience.next(), TICK, false) {
            Ok(stream) => self.stream = Some(stream),
            Err(_) => self.reconnect = Instant::now() + self.pauses.next(),
        }
    }
}
