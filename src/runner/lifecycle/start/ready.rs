//! Waits until a new server answers.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::client::{Answer, Cause, Client, Failure};
use crate::error::Code;
use crate::process::Handle;
use crate::runner::session::server::{directory, endpoint};
use crate::runner::session::version::{self, program_version, usable_in};
use crate::runner::signals::Signals;
use crate::store::Record;
use crate::units::{Backoff, Deadline, POLL_FIRST, POLL_LONGEST};

/// What the server prints once it takes connections. One made before that line is accepted and then
/// left without an answer for 3 to 31 s.
const LISTENING: &[u8] = b"listening on";

/// A server that never prints the line is asked all the same, this often.
const UNANNOUNCED: Duration = Duration::from_millis(500);

/// Which part of the time until then such an answer may take: a question that comes a moment too
/// early is one of those that are left without, and meanwhile nobody looks for the line.
const UNANNOUNCED_PART: u32 = 20;

/// One question. After the line the answer takes some 20 ms; the machine may be busy.
const QUESTION_LIMIT: Duration = Duration::from_secs(2);

/// The least that a question may take: a limit of nothing would be no limit.
const LEAST_LIMIT: Duration = Duration::from_millis(1);

/// After so long without an answer the program is asked for its version.
const DOUBTED_AFTER: Duration = Duration::from_secs(15);

/// A server that answers.
pub struct Ready {
    /// For example `1.18.33`.
    pub version: String,
}

/// Why it does not answer.
pub enum NotReady {
    /// The process has ended.
    Exited,
    /// Time is up; what the last question came to.
    TimedOut(Option<Failure>),
    /// Something answers that is not the server we need.
    Alien(Failure),
    /// SIGINT or SIGTERM.
    Interrupted(Code),
}

/// Asks until there is an answer, the process ends, or time is up.
pub fn await_ready(
    record: &Record,
    process: &Handle,
    log: &Path,
    deadline: Deadline,
    signals: &Signals,
) -> Result<Ready, NotReady> {
    let mut pauses = Backoff::new(POLL_FIRST, POLL_LONGEST);
    let mut announcement = Announcement::default();
    let began = Instant::now();
    let mut asked = began;
    let mut last = None;
    let mut doubted = false;
    loop {
        if let Some(code) = signals.received() {
            return Err(NotReady::Interrupted(code));
        }
        let announced = announcement.seen(log);
        if announced || asked.elapsed() >= UNANNOUNCED {
            let limit = if announced { QUESTION_LIMIT } else { began.elapsed() / UNANNOUNCED_PART };
            match question(record, deadline.remaining(limit).max(LEAST_LIMIT)) {
                // The answer may have come from another program that took the port.
                Ok(ready) if !process.wait(Duration::ZERO) => return Ok(ready),
                Ok(_) => return Err(NotReady::Exited),
                // Versions before 1.1 pass unknown routes, and this one, on to the internet: it is
                // a page of HTML that answers, or where there is none an error or nobody.
                Err(failure)
                    if announced
                        && (!failure.is_passing() || matches!(failure.cause, Cause::Alien(_))) =>
                {
                    return Err(NotReady::Alien(failure));
                }
                Err(failure) => {
                    let wrong = failure.status().is_some() || began.elapsed() >= DOUBTED_AFTER;
                    if announced && wrong && !doubted {
                        doubted = true;
                        let program = Path::new(record.opencode.as_deref().unwrap_or_default());
                        let version = program_version(program, deadline);
                        if let Some(Err(failure)) = version.as_deref().map(version::check) {
                            return Err(NotReady::Alien(failure));
                        }
                    }
                    last = Some(failure);
                }
            }
            asked = Instant::now();
        }
        if deadline.expired() {
            return Err(NotReady::TimedOut(last));
        }
        if process.wait(deadline.remaining(pauses.next())) {
            return Err(NotReady::Exited);
        }
    }
}

/// Asks once over a new connection, because the server may never answer an older one.
fn question(record: &Record, limit: Duration) -> Answer<Ready> {
    let client = Client::new(endpoint(record, None));
    let directory = directory(record, None);
    let version = usable_in(&client, &directory, limit)?;
    Ok(Ready { version })
}

/// Looks for the announcement in what was added to the log since the last look.
#[derive(Default)]
struct Announcement {
    seen: bool,
    offset: u64,
}

impl Announcement {
    fn seen(&mut self, log: &Path) -> bool {
        if !self.seen
            && let Ok(mut file) = File::open(log)
            && file.seek(SeekFrom::Start(self.offset)).is_ok()
        {
            let mut added = Vec::new();
            let _ = file.take(64 * 1024).read_to_end(&mut added);
            self.seen = added.windows(LISTENING.len()).any(|window| window == LISTENING);
            // The line may have been cut by this look.
            self.offset += added.len().saturating_sub(LISTENING.len()) as u64;
        }
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_written_in_two_pieces_is_seen() {
        let log = std::env::temp_dir().join(format!("occtl-ready-{}.log", std::process::id()));
        let mut announcement = Announcement::default();
        assert!(!announcement.seen(&log));
        std::fs::write(&log, "Warning: x\nopencode server listen").unwrap();
        assert!(!announcement.seen(&log));
        std::fs::write(&log, "Warning: x\nopencode server listening on http://x").unwrap();
        assert!(announcement.seen(&log));
        std::fs::remove_file(&log).unwrap();
    }
}
