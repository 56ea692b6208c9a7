//! When REST is asked next, beside an event stream.

use std::time::{Duration, Instant};

use crate::units::Backoff;

/// The first look while a stream is open that misses nothing a short turn does.
pub const FIRST_WITH_STREAM: Duration = Duration::from_secs(1);

/// The first look without such a stream.
pub const FIRST_WITHOUT_STREAM: Duration = ALERT_FIRST;

/// The pause between two looks while events say that work goes on: they report its end, and this is
/// only for events that get lost.
const CALM: Duration = Duration::from_secs(5);

/// The pauses while events say nothing.
const ALERT: Backoff = Backoff::new(ALERT_FIRST, Duration::from_secs(2));

/// The first of these pauses.
const ALERT_FIRST: Duration = Duration::from_millis(250);

/// The pauses while the end is near. It is short at first, because REST is only milliseconds behind
/// the events.
const NEAR: Backoff = Backoff::new(NEAR_FIRST, ALERT_FIRST);

/// The first of these pauses.
const NEAR_FIRST: Duration = Duration::from_millis(10);

/// What is known after a look at REST, for the moment of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Something said that the end is near, and REST does not confirm it yet.
    EndNear,
    /// Nothing is going on, which counts only when it lasts.
    Idle,
    /// Events have come since the last look, and more can come.
    Moving,
    /// None of these.
    Quiet,
}

/// Says when REST is asked next. It has no clock of its own: every moment comes in as a value.
#[derive(Debug)]
pub struct Pace {
    next_look: Instant,
    near: Backoff,
    alert: Backoff,
}

impl Pace {
    /// The first look is `first` from now.
    pub fn new(now: Instant, first: Duration) -> Pace {
        Pace { next_look: now + first, near: NEAR, alert: ALERT }
    }

    /// The moment of the next look.
    pub fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Whether it is time for a look.
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next_look
    }

    /// Plans the next look after one that has just been made.
    pub fn plan(&mut self, now: Instant, outlook: Outlook) {
        let pause = match outlook {
            Outlook::EndNear => self.near.next(),
            Outlook::Idle => ALERT_FIRST,
            Outlook::Moving => {
                self.near = NEAR;
                self.alert = ALERT;
                CALM
            }
            Outlook::Quiet => self.alert.next(),
        };
        self.next_look = now + pause;
    }

    /// Puts the first look off once more, because there is nothing to see yet.
    pub fn put_off(&mut self, now: Instant) {
        self.next_look = now + FIRST_WITH_STREAM;
    }

    /// Moves the next look forward, because something said that the end is near.
    pub fn hurry(&mut self, now: Instant) {
        self.next_look = self.next_look.min(now + NEAR_FIRST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses that follow from what is known after each of several looks, in milliseconds.
    fn pauses(pace: &mut Pace, outlooks: &[Outlook]) -> Vec<u128> {
        let now = Instant::now();
        let mut pauses = Vec::new();
        for outlook in outlooks {
            pace.plan(now, *outlook);
            pauses.push((pace.next_look() - now).as_millis());
        }
        pauses
    }

    fn pace() -> Pace {
        Pace::new(Instant::now(), Duration::ZERO)
    }

    #[test]
    fn a_look_is_due_from_its_moment_on() {
        let now = Instant::now();
        let pace = Pace::new(now, Duration::from_secs(1));
        assert!(!pace.is_due(now + Duration::from_millis(999)));
        assert!(pace.is_due(now + Duration::from_secs(1)));
        assert!(pace.is_due(now + Duration::from_secs(2)));
    }

    #[test]
    fn looks_get_rarer_while_nothing_is_heard() {
        let quiet = [Outlook::Quiet; 5];
        assert_eq!(pauses(&mut pace(), &quiet), [250, 500, 1000, 2000, 2000]);
    }

    #[test]
    fn looks_are_quick_near_the_end_and_get_rarer_if_it_does_not_come() {
        let near = [Outlook::EndNear; 6];
        assert_eq!(pauses(&mut pace(), &near), [10, 20, 40, 80, 160, 250]);
    }

    #[test]
    fn events_make_looks_rare_and_the_next_quiet_or_end_begins_anew() {
        use Outlook::{EndNear, Moving, Quiet};
        let mut pace = pace();
        assert_eq!(pauses(&mut pace, &[Quiet, Quiet, EndNear, EndNear]), [250, 500, 10, 20]);
        assert_eq!(
            pauses(&mut pace, &[EndNear, Quiet]),
            [40, 1000],
            "neither begins anew by itself"
        );
        assert_eq!(pauses(&mut pace, &[Moving, Quiet, EndNear]), [5000, 250, 10]);
    }

    #[test]
    fn idleness_is_looked_at_again_soon_and_as_often_as_before() {
        let looks = [Outlook::Idle, Outlook::Idle, Outlook::Quiet];
        assert_eq!(pauses(&mut pace(), &looks), [250, 250, 250]);
    }

    #[test]
    fn the_first_look_can_be_put_off_for_as_long_again() {
        let now = Instant::now();
        let mut pace = Pace::new(now, FIRST_WITH_STREAM);
        pace.put_off(now + FIRST_WITH_STREAM);
        assert_eq!(pace.next_look(), now + 2 * FIRST_WITH_STREAM);
    }

    #[test]
    fn a_hurry_moves_a_look_forward_and_never_back() {
        let now = Instant::now();
        let mut pace = Pace::new(now, Duration::from_secs(5));
        pace.hurry(now);
        assert_eq!(pace.next_look(), now + Duration::from_millis(10));
        pace.hurry(now + Duration::from_secs(1));
        assert_eq!(pace.next_look(), now + Duration::from_millis(10));
    }
}
