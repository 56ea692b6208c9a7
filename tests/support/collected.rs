//! What commands of the tests write, and when it is read.

use std::io::{self, BufRead, BufReader, PipeReader, Read};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::processes;

/// So many bytes may wait in a pipe that is full: it holds 16 pages, and some of them have room.
const FULL: u64 = 32 << 10;
/// How long a command may take to fill it.
const FULL_WITHIN: Duration = Duration::from_secs(60);

/// What a child wrote so far. A thread of its own collects it, so that the child never blocks on a
/// full pipe.
#[derive(Clone)]
pub struct Output(Arc<(Mutex<Collected>, Condvar)>);

#[derive(Default)]
pub struct Collected {
    pub bytes: Vec<u8>,
    pub closed: bool,
}

impl Output {
    pub fn collect(pipe: impl Read + Send + 'static) -> Self {
        let output = Self(Arc::default());
        let writer = output.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::with_capacity(64 * 1024, pipe);
            loop {
                let count = {
                    let bytes = reader.fill_buf().unwrap_or_default();
                    let mut collected = writer.0.0.lock().unwrap();
                    collected.bytes.extend_from_slice(bytes);
                    collected.closed = bytes.is_empty();
                    bytes.len()
                };
                writer.0.1.notify_all();
                if count == 0 {
                    return;
                }
                reader.consume(count);
            }
        });
        output
    }

    /// Waits until `done` gives a value for what was written; `None` after `timeout`, or when
    /// nothing more can come.
    pub fn wait<T>(&self, timeout: Duration, done: impl Fn(&Collected) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + timeout;
        let mut collected = self.0.0.lock().unwrap();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let value = done(&collected);
            if value.is_some() || collected.closed || left.is_zero() {
                return value;
            }
            collected = self.0.1.wait_timeout(collected, left).unwrap().0;
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.0.0.lock().unwrap().bytes.clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// Reads a pipe, if it is to be late only once the pipe is full or its writer has ended.
pub struct LateReader {
    pub pipe: PipeReader,
    pub late: bool,
    pub pid: u32,
}

impl Read for LateReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if std::mem::take(&mut self.late) {
            processes::poll(FULL_WITHIN, || {
                let waiting = rustix::io::ioctl_fionread(&self.pipe).unwrap_or(0);
                (waiting >= FULL || !processes::is_running(self.pid)).then_some(())
            });
        }
        self.pipe.read(buffer)
    }
}
