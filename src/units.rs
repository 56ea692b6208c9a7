//! The ground: the named constants of the whole program, waiting, and what is asked of any text.

use std::os::fd::AsFd;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use rustix::event::{PollFd, PollFlags, Timespec};

/// The first port that is given to a server, the same as in opencode-ctl 0.4.0.
pub const FIRST_PORT: u16 = 9100;
/// The last port that is given to a server, unless `OCCTL_PORT_RANGE` says otherwise. It is below
/// Linux' ephemeral ports, which any outgoing connection may take.
pub const LAST_PORT: u16 = 32767;
/// How long a command waits for the store lock while no process saves the store. Nothing slow
/// happens under the lock, so a longer wait means that its holder is stuck.
pub const LOCK_WAIT: Duration = Duration::from_secs(10);
/// How long a command waits for the store lock in total, while other processes save one after the
/// other.
pub const LOCK_CROWD_WAIT: Duration = Duration::from_secs(60);
/// How long a turn that is being followed may be delayed by recording that its session is in use.
pub const BRIEF_LOCK_WAIT: Duration = Duration::from_secs(1);
/// How long another process may hold the lock before the user is told about the wait.
pub const LOCK_NOTICE: Duration = Duration::from_millis(500);
/// The first pause of a poll.
pub const POLL_FIRST: Duration = Duration::from_millis(5);
/// The longest pause of a poll for something that usually takes a second or two.
pub const POLL_LONGEST: Duration = Duration::from_millis(40);
/// How long a server has to end after SIGTERM. OpenCode needs about 60 ms.
pub const STOP_GRACE: Duration = Duration::from_secs(5);
/// How long a process may take to end after SIGKILL before it counts as unkillable.
pub const KILL_WAIT: Duration = Duration::from_secs(5);
/// One ordinary request. In a directory that it has not opened yet, the real server blocks for a
/// second or two.
pub const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// One request of `list` and `status`. They report a silent server and do not wait for it.
pub const PROBE_LIMIT: Duration = Duration::from_secs(2);
/// All of `list` together.
pub const LIST_LIMIT: Duration = Duration::from_millis(4500);
/// `git status` in one directory.
pub const GIT_LIMIT: Duration = Duration::from_secs(3);
/// How often a quiet wait checks its deadline, the signal flag and the server's process.
pub const TICK: Duration = Duration::from_millis(100);
/// A stream that has been silent for this long is dead: the real server sends a heartbeat every 10
/// s.
pub const HEARTBEAT_SILENCE: Duration = Duration::from_secs(30);
/// How long a prompt may stay without any sign of life. A directory that the server has not opened
/// yet needs 1.5 s; twelve of them at once on two busy cores needed more than 15 s.
pub const START_WINDOW: Duration = Duration::from_secs(30);
/// Everything after a turn's limit or a signal: the abort, checking it, and the record.
pub const CLOSING: Duration = Duration::from_secs(5);
/// Everything of `run` after its limit or a signal: [`CLOSING`], and the end of its server.
/// `docker stop` kills after 10 s, and a second may pass until the signal is noticed.
pub const ENDING: Duration = Duration::from_secs(7);
/// The largest file taken for a time zone, in bytes. Those of databases have a few thousand.
const LARGEST_ZONE: u64 = 1 << 20;
/// How many lines of a failed server's log are shown.
pub const LOG_TAIL_LINES: usize = 20;

/// A moment at which something must end, or never.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// The moment that far from now. A moment beyond the range of the clock is never.
    pub fn after(limit: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(limit))
    }

    /// No moment at all.
    pub fn never() -> Deadline {
        Deadline(None)
    }

    /// Whether there is no such moment.
    pub fn is_never(self) -> bool {
        self.0.is_none()
    }

    /// Whether it has passed.
    pub fn expired(self) -> bool {
        self.0.is_some_and(|at| Instant::now() >= at)
    }

    /// The time that is left, but at most `cap`.
    pub fn remaining(self, cap: Duration) -> Duration {
        match self.0 {
            Some(at) => at.saturating_duration_since(Instant::now()).min(cap),
            None => cap,
        }
    }

    /// The moment at which one of `parts` equal parts of the time that is left is over.
    pub fn part(self, parts: u32) -> Deadline {
        match self.0 {
            Some(_) => Deadline::after(self.remaining(Duration::MAX) / parts.max(1)),
            None => self,
        }
    }

    /// The earlier of this moment and the one that far from now.
    pub fn or_after(self, limit: Duration) -> Deadline {
        let other = Instant::now().checked_add(limit);
        Deadline(match (self.0, other) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        })
    }
}

/// Pauses that double, from a first one up to a longest one.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// Starts at `first` and never exceeds `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Backoff {
        Backoff { next: first, longest }
    }

    /// The pause to make now.
    pub fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }
}

/// Waits for at most `limit` until one of `events` is true of a descriptor, and returns those that
/// are. The result is empty if none is, and also if a signal ended the wait early.
pub fn poll(descriptor: impl AsFd, events: PollFlags, limit: Duration) -> PollFlags {
    let mut polled = [PollFd::new(&descriptor, events)];
    if poll_all(&mut polled, limit) { polled[0].revents() } else { PollFlags::empty() }
}

/// What is to be called while the program waits.
static WAITING: OnceLock<fn()> = OnceLock::new();

/// From now on `act` is called again and again while the program waits for anything, at least every
/// [`TICK`] where the wait may be long. It must be quick. Only the first call of this counts.
pub fn call_while_waiting(act: fn()) {
    let _ = WAITING.set(act);
}

/// To be called right before a wait.
pub fn note_wait() {
    if let Some(act) = WAITING.get() {
        act();
    }
}

/// What is to be called right before a signal ends the program.
static SIGNALLED: OnceLock<fn()> = OnceLock::new();

/// From now on `act` is called right before a signal ends the program, by the signal's handler: it
/// may neither lock nor allocate. Only the first call of this counts.
pub fn call_before_signal_ends(act: fn()) {
    let _ = SIGNALLED.set(act);
}

/// To be called by a signal's handler that ends the program.
pub fn note_end_by_signal() {
    if let Some(act) = SIGNALLED.get() {
        act();
    }
}

/// Waits for at most `limit` until something that is polled for is true of one of the descriptors.
/// False if a signal ended the wait.
pub fn poll_all(polled: &mut [PollFd], limit: Duration) -> bool {
    note_wait();
    rustix::event::poll(polled, Some(&timespec(limit))).is_ok()
}

/// Sleeps; unlike the standard library's sleep, a signal ends it early.
pub fn pause(limit: Duration) {
    poll_all(&mut [], limit);
}

fn timespec(limit: Duration) -> Timespec {
    // The kernel refuses more seconds than its clock can count.
    let seconds = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX).min(i64::from(i32::MAX));
    Timespec { tv_sec: seconds, tv_nsec: limit.subsec_nanos().into() }
}

/// The time zone of the user.
///
/// jiff reads the whole tree of a zone database to find one zone. The file of the zone is enough;
/// what does not name one, such as `EST5EDT,M3.2.0,M11.1.0`, is left to jiff.
pub fn time_zone() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(|| zone_of_file().unwrap_or_else(TimeZone::system))
}

fn zone_of_file() -> Option<TimeZone> {
    let Some(zone) = std::env::var_os("TZ") else {
        return read_zone("local", Path::new("/etc/localtime"));
    };
    let name = zone.to_str()?;
    let name = name.strip_prefix(':').unwrap_or(name);
    if name == "UTC" {
        return Some(TimeZone::UTC);
    }
    if name.is_empty() || name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return None;
    }
    let database = std::env::var_os("TZDIR").unwrap_or_else(|| "/usr/share/zoneinfo".into());
    read_zone(name, &Path::new(&database).join(name))
}

fn read_zone(name: &str, path: &Path) -> Option<TimeZone> {
    // A pipe could be read for ever.
    let facts = std::fs::metadata(path).ok()?;
    if !facts.is_file() || facts.len() > LARGEST_ZONE {
        return None;
    }
    TimeZone::tzif(name, &std::fs::read(path).ok()?).ok()
}

/// Whole milliseconds, for `_ms` fields.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A duration for people: `0.5 s`, `12 s`.
pub fn seconds(duration: Duration) -> String {
    let value = (duration.as_secs_f64() * 1000.0).round() / 1000.0;
    format!("{value} s")
}

/// US dollars with so many decimals, without a sign of money. What rounds to nothing has no minus:
/// a sum of nothing is -0 in some programs, and a reader would look for a meaning.
pub fn usd(amount: f64, decimals: usize) -> String {
    let text = format!("{amount:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => rest.into(),
        _ => text,
    }
}

/// The sum of amounts. That of none is 0, where the standard library has -0, which would be seen
/// in messages and in JSON.
pub fn sum(amounts: impl Iterator<Item = f64>) -> f64 {
    amounts.fold(0.0, |sum, amount| sum + amount)
}

/// Whether a character is a mark that makes a reader see text in another order than it has.
pub fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The beginning of a text that has at most so many bytes, without a cut character at its end.
pub fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_never_minus_nothing() {
        let shown = [(-0.0, "0.00"), (0.0, "0.00"), (-0.001, "0.00"), (-0.25, "-0.25")];
        shown.iter().for_each(|(amount, text)| assert_eq!(usd(*amount, 2), *text));
        assert_eq!((usd(-0.0, 4), usd(12.345_67, 4)), ("0.0000".into(), "12.3457".into()));
        assert!(sum(std::iter::empty()).is_sign_positive());
        assert_eq!(sum([0.5, 0.25].into_iter()), 0.75);
    }

    #[test]
    fn a_limit_too_large_for_the_clock_is_no_limit() {
        let deadline = Deadline::after(Duration::MAX);
        assert!(!deadline.expired());
        assert_eq!(deadline.remaining(TICK), TICK);
    }

    #[test]
    fn a_part_of_the_time_that_is_left_is_sooner_than_all_of_it_and_never_stays_never() {
        let half = Deadline::after(Duration::from_secs(60)).part(2).remaining(Duration::MAX);
        assert!((29..=30).contains(&half.as_secs()), "{half:?}");
        assert_eq!(Deadline::never().part(2).remaining(TICK), TICK);
    }

    #[test]
    fn backoff_doubles_up_to_its_longest() {
        let mut pauses = Backoff::new(Duration::from_millis(5), Duration::from_millis(12));
        let seen: Vec<_> = (0..4).map(|_| pauses.next().as_millis()).collect();
        assert_eq!(seen, [5, 10, 12, 12]);
    }
}
