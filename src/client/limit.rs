//! How long requests may take.
//!
//! The measure is silence: a server that sends something is not given up on, however long its
//! answer is, within what the client may wait in all.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a server may send nothing before it counts as hanging.
pub const SILENCE: Duration = Duration::from_secs(5);

/// How long a command without a limit of its own waits for a server in all, so that one that sends
/// a byte now and then ends as well.
pub const WAITED_MOST: Duration = Duration::from_secs(300);

/// How long the first byte of a long answer may take while the server's process works: it reads
/// the whole conversation before.
const LONG_ROOM: Duration = Duration::from_secs(120);

/// The same if nothing is known of the process.
const LONG_ROOM_UNSEEN: Duration = Duration::from_secs(30);

/// How long the first answer from a directory may take, and the answer to a request that changes
/// something. The server loads the directory, for which
/// it needs a second or two, and twelve servers on two busy cores more than 15 s.
const COLD_ROOM: Duration = Duration::from_secs(30);

/// What a limit applies to.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// An ordinary request: [`SILENCE`], and more for the first answer from a directory.
    Ordinary,
    /// The same for an answer that takes the server long to prepare.
    Long,
    /// A request that changes something. If it were given up after [`SILENCE`], what became of it
    /// would not be known.
    Change,
    /// Each wait for bytes.
    Silence(Duration),
    /// The whole exchange.
    Whole(Duration),
    /// The head of an answer that never ends.
    Stream(Duration),
}

impl From<Duration> for Limit {
    fn from(silence: Duration) -> Limit {
        Limit::Silence(silence)
    }
}

/// The limits of one request's waits for bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    /// Up to the first byte.
    pub first: Duration,
    /// Up to the first byte while the server's process does not work.
    pub idle: Duration,
    /// From one byte to the next.
    pub next: Duration,
}

impl Waits {
    /// Those of [`Limit::Change`].
    pub fn of_change() -> Waits {
        Waits { first: COLD_ROOM, idle: COLD_ROOM, next: SILENCE }
    }

    /// Those of [`Limit::Ordinary`] and [`Limit::Long`]. `is_cold` is true if the directory has not
    /// answered yet, and `is_seen` if it is known whether the process works.
    pub fn of(is_long: bool, is_cold: bool, is_seen: bool) -> Waits {
        let (first, idle) = match (is_long, is_cold) {
            (true, _) if is_seen => (LONG_ROOM, if is_cold { COLD_ROOM } else { SILENCE }),
            (true, _) => (LONG_ROOM_UNSEEN, LONG_ROOM_UNSEEN),
            (false, true) => (COLD_ROOM, COLD_ROOM),
            (false, false) => (SILENCE, SILENCE),
        };
        Waits { first, idle, next: SILENCE }
    }

    /// Those of the question whether a server hangs: one that loads a directory may not even
    /// answer that.
    pub fn of_life() -> Waits {
        Waits { first: COLD_ROOM, idle: SILENCE, next: SILENCE }
    }

    /// The same limit for each wait.
    pub fn each(silence: Duration) -> Waits {
        Waits { first: silence, idle: silence, next: silence }
    }
}

/// What a server has answered for. It loads each part of a directory when it is first asked for it,
/// and the providers can take longer than the conversations.
#[derive(Clone, Debug, Default)]
pub(super) struct Warm(RefCell<BTreeSet<String>>);

impl Warm {
    /// Whether a route has been answered for the directory in this query, or needs none.
    pub fn has(&self, route: &str, query: &[(&str, &str)]) -> bool {
        part(route, query).is_none_or(|part| self.0.borrow().contains(&part))
    }

    /// Remembers that it has.
    pub fn add(&self, route: &str, query: &[(&str, &str)]) {
        self.0.borrow_mut().extend(part(route, query));
    }
}

/// The part of a directory that a route belongs to. All conversations are one part.
fn part(route: &str, query: &[(&str, &str)]) -> Option<String> {
    let (_, directory) = query.iter().find(|(name, _)| *name == "directory")?;
    let part = if route.starts_with("/session") { "/session" } else { route };
    Some(format!("{part} {directory}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_directory_has_room_for_its_first_answer() {
        let warm = Warm::default();
        let here = [("limit", "1"), ("directory", "/here")];
        assert!(!warm.has("/session", &here));
        warm.add("/session", &here);
        assert!(warm.has("/session/ses_1/message", &here));
        assert!(!warm.has("/session", &[("directory", "/there")]));
        assert!(!warm.has("/config/providers", &here));
        assert!(warm.has("/experimental/session", &[]), "no directory is loaded");
    }
}
