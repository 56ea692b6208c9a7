//! Waits until a new server answers.
//!
//! Architecture invariant: nothing is sent to a port, least of all the password, before there is a
//! proof that our server listens there. The port is known to every user of the machine from the
//! process list, and another program may have bound it in the second before the server does.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::client::{Answer, Cause, Client, Failure};
use crate::error::Code;
use crate::process::{self, Handle};
use crate::runner::session::directory::directory;
use crate::runner::session::life::MARK;
use crate::runner::session::server::endpoint;
use crate::runner::session::version::{self, program_version, usable_in};
use crate::runner::signals::Signals;
use crate::store::Record;
use crate::units::{Deadline, POLL_FIRST, POLL_LONGEST};

/// What the server prints, followed by its address, once it takes connections. A connection made
/// before that line is accepted and then left without an answer for 3 to 31 s.
const LISTENING: &str = "listening on";

/// The longest line that can announce a server, in bytes. This much of the log is read again at
/// each look, in case that the look before has cut the line.
const LONGEST_LINE: u64 = 1024;

/// A server that never prints the line is looked for among the listeners of its port, for the first
/// time after so long, and again whenever it has taken twice as long. All versions print the line.
const UNANNOUNCED: Duration = Duration::from_millis(500);

/// A question before the line may take one part in this many of the time waited so far. If it comes
/// a moment too early it is left without an answer, and occtl does not look for the line meanwhile.
const UNANNOUNCED_PART: u32 = 20;

/// A pause between two looks takes one part in this many of the time waited so far: short enough to
/// make no start slower, and long enough for many starts at once.
const PAUSE_PART: u32 = 100;

/// One question. After the line the answer takes some 20 ms. On a busy machine it takes longer, so
/// a question may last as long as was waited so far: to ask again is more work for the server.
const QUESTION_LIMIT: Duration = Duration::from_secs(2);

/// The least that a question may take: a limit of nothing would be no limit.
const LEAST_LIMIT: Duration = Duration::from_millis(1);

/// After so long without an answer the program is asked for its version.
const DOUBTED_AFTER: Duration = Duration::from_secs(15);

/// How long it may take to say it. No signal is noticed meanwhile.
const VERSION_WAIT: Duration = Duration::from_secs(5);

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
    /// SIGHUP, SIGINT or SIGTERM.
    Interrupted(Code),
}

/// A start that waits for its server.
pub struct Waiting<'a> {
    /// The session.
    pub record: &'a Record,
    /// What the server prints.
    pub log: &'a Path,
    /// When it has to answer.
    pub deadline: Deadline,
    /// What ends the wait.
    pub signals: &'a Signals,
    /// Called once it says that it listens, before it is asked anything.
    pub announced: &'a dyn Fn(),
    /// The name that the server's log has for an error, which it answers with a reference.
    pub named_in_log: &'a dyn Fn(&str) -> Option<String>,
}

/// Asks until there is an answer, the process ends, or time is up.
pub fn await_ready(waiting: &Waiting, server: &Handle) -> Result<Ready, NotReady> {
    let Waiting { record, log, deadline, signals, .. } = *waiting;
    let mut announcement = Announcement::of(record.port);
    let began = Instant::now();
    let mut asked = began;
    let mut last: Option<Failure> = None;
    let mut doubted = false;
    loop {
        if let Some(code) = signals.received() {
            return Err(NotReady::Interrupted(code));
        }
        let was_announced = announcement.seen;
        let announced = announcement.seen(log);
        if announced && !was_announced {
            (waiting.announced)();
        }
        let is_due = announced || asked.elapsed() >= UNANNOUNCED.max(asked - began);
        if is_due && !announced {
            asked = Instant::now();
        }
        if is_due && (announced || has_listener(record)) {
            let waited = began.elapsed();
            let limit = if announced { patience(waited) } else { waited / UNANNOUNCED_PART };
            let limit = deadline.remaining(limit).max(LEAST_LIMIT);
            match question(waiting, limit) {
                // A server that has ended meanwhile may have left its port to another program.
                Ok(ready) if !server.wait(Duration::ZERO) => return Ok(ready),
                Ok(_) => return Err(NotReady::Exited),
                // Versions before 1.1 do not know this route and pass it on to the internet. They
                // answer with a page of HTML, or offline with an error or not at all.
                Err(failure) if announced && is_final(&failure) => {
                    return Err(NotReady::Alien(failure));
                }
                Err(failure) => {
                    if announced && !doubted && is_doubtful(&failure, began.elapsed()) {
                        doubted = true;
                        refuse_old(record, deadline).map_err(NotReady::Alien)?;
                    }
                    if last.as_ref().is_none_or(|last| tells_as_much(&failure, last)) {
                        last = Some(failure);
                    }
                }
            }
            asked = Instant::now();
        }
        if deadline.expired() {
            return Err(NotReady::TimedOut(last));
        }
        let pause = (began.elapsed() / PAUSE_PART).clamp(POLL_FIRST, POLL_LONGEST);
        if server.wait(deadline.remaining(pause)) {
            return Err(NotReady::Exited);
        }
    }
}

/// Whether the same question would fail again.
fn is_final(failure: &Failure) -> bool {
    !failure.is_passing()
        || failure.is_about_configuration()
        || matches!(failure.cause, Cause::Alien(_))
}

/// How long a question may take after so long. The first doubt is not put off by it.
fn patience(waited: Duration) -> Duration {
    let until_doubt = DOUBTED_AFTER.saturating_sub(waited);
    let most = if until_doubt.is_zero() { waited } else { until_doubt };
    waited.min(most).max(QUESTION_LIMIT)
}

/// Whether the program may be one that is too old to answer. One whose project does not load has
/// told its version already.
fn is_doubtful(failure: &Failure, waited: Duration) -> bool {
    failure.status().is_some() || waited >= DOUBTED_AFTER && !failure.is_unloaded_project()
}

/// Refuses a program that says it is a version that is too old. What says nothing is fine.
fn refuse_old(record: &Record, deadline: Deadline) -> Answer<()> {
    let program = Path::new(record.opencode.as_deref().unwrap_or_default());
    let version = program_version(program, deadline.or_after(VERSION_WAIT));
    version.as_deref().map_or(Ok(()), version::check)
}

/// Whether a failure is to be told instead of the one before it. The last question may have had no
/// time for an answer, and tells less.
fn tells_as_much(failure: &Failure, before: &Failure) -> bool {
    failure.status().is_some() || before.status().is_none() && !before.is_unloaded_project()
}

/// Asks once over a new connection, because the server may never answer an older one.
fn question(waiting: &Waiting, limit: Duration) -> Answer<Ready> {
    let record = waiting.record;
    let client = Client::new(endpoint(record, None, Deadline::never()));
    client.limit_to(Deadline::after(limit), Some(waiting.signals.flag()));
    let version = usable_in(&client, &directory(record, None), limit).map_err(|failure| {
        let name = failure.reference().and_then(waiting.named_in_log);
        failure.named_in_log(name)
    })?;
    Ok(Ready { version })
}

/// Whether a process that carries the session's mark listens on its port.
fn has_listener(record: &Record) -> bool {
    // To look for marked processes is much more work.
    if !process::is_listened_to(record.port) {
        return false;
    }
    let processes = process::marked(MARK, &record.id);
    processes.iter().any(|process| process::listens(process.pid, record.port))
}

/// Looks for the announcement in what was added to the log since the last look. Only the server of
/// this start writes to that log.
struct Announcement {
    port: u16,
    seen: bool,
    offset: u64,
}

impl Announcement {
    fn of(port: u16) -> Announcement {
        Announcement { port, seen: false, offset: 0 }
    }

    fn seen(&mut self, log: &Path) -> bool {
        if !self.seen
            && let Ok(mut file) = File::open(log)
            && file.seek(SeekFrom::Start(self.offset)).is_ok()
        {
            let mut added = Vec::new();
            let _ = file.take(64 * 1024).read_to_end(&mut added);
            let text = String::from_utf8_lossy(&added);
            self.seen = text.lines().any(|line| announces(line, self.port));
            self.offset += (added.len() as u64).saturating_sub(LONGEST_LINE);
        }
        self.seen
    }
}

/// Whether a line says that a server listens on a port: `… listening on http://HOST:PORT`.
fn announces(line: &str, port: u16) -> bool {
    let address = line.split_once(LISTENING).map(|(_, address)| address);
    address.is_some_and(|address| {
        let end = format!(":{port}");
        address.match_indices(&end).any(|(at, _)| {
            !address[at + end.len()..].starts_with(|next: char| next.is_ascii_digit())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_written_in_two_pieces_is_seen() {
        let log = std::env::temp_dir().join(format!("occtl-ready-{}.log", std::process::id()));
        let mut announcement = Announcement::of(9100);
        assert!(!announcement.seen(&log));
        std::fs::write(&log, "Warning: x\nopencode server listen").unwrap();
        assert!(!announcement.seen(&log));
        let line = "Warning: x\nopencode server listening on http://127.0.0.1:9100\n";
        std::fs::write(&log, line).unwrap();
        assert!(announcement.seen(&log));
        std::fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_program_whose_project_loads_slowly_is_not_asked_for_its_version() {
        let failure = |request: &str, cause| Failure { request: format!("GET {request}"), cause };
        let silent = |request| failure(request, Cause::Silent);
        assert!(!is_doubtful(&silent("/path"), 2 * DOUBTED_AFTER));
        assert!(!is_doubtful(&silent("/global/health"), DOUBTED_AFTER / 2));
        assert!(is_doubtful(&silent("/global/health"), DOUBTED_AFTER));
        let forwarded = failure("/global/health", Cause::Status(500, String::new()));
        assert!(is_doubtful(&forwarded, Duration::ZERO));
    }

    #[test]
    fn a_question_waits_longer_each_time_and_does_not_put_the_doubt_off() {
        let seconds = Duration::from_secs;
        for (waited, limit) in [(0, 2), (1, 2), (5, 5), (12, 3), (14, 2), (15, 15), (40, 40)] {
            assert_eq!(patience(seconds(waited)), seconds(limit), "{waited}");
        }
    }

    #[test]
    fn only_the_port_of_the_session_is_announced() {
        for (line, seen) in [
            ("opencode server listening on http://127.0.0.1:9100", true),
            ("server listening on http://[::]:9100/", true),
            ("opencode server listening on http://127.0.0.1:91001", false),
            ("opencode server listening on http://127.0.0.1:4096", false),
            ("Failed to start server. Is port 9100 in use?", false),
            ("http://127.0.0.1:9100 listening on", false),
        ] {
            assert_eq!(announces(line, 9100), seen, "{line}");
        }
    }
}
