//! Providers that fail: after several runs in a row that ended because of one, its runs are held,
//! and single ones try again after growing pauses.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::bench::results::row::{Row, RowError};

/// So many runs in a row that provider or server spoilt are an outage.
const IN_A_ROW: usize = 5;
/// The pause before the first probe; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// What a provider allows at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Runs may start.
    Yes,
    /// One run may start, to find out whether it works again.
    Probe,
    /// Nothing may start before that moment.
    After(Instant),
    /// A probe is running.
    WhenProbed,
}

/// What comes next of runs that are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// After that time one of them tries whether the provider works again.
    Try(Duration),
    /// After that time the batch ends: the provider was down for as long as the plan allows.
    End(Duration),
}

impl Ahead {
    fn time(self) -> Duration {
        match self {
            Ahead::Try(time) | Ahead::End(time) => time,
        }
    }
}

/// That the runs of a provider are held.
pub struct Hold<'a> {
    /// The provider; empty if the arm names no model.
    pub provider: &'a str,
    /// So many runs in a row were spoilt so far.
    pub in_a_row: usize,
    /// Why the last of them failed.
    pub error: Option<&'a RowError>,
    /// What comes next.
    pub ahead: Ahead,
}

/// The providers of a batch that do not work, as far as this process has seen.
#[derive(Debug, Default)]
pub struct Outages {
    providers: BTreeMap<String, State>,
}

#[derive(Debug, Default)]
struct State {
    in_a_row: usize,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    since: Instant,
    next: Instant,
    pause: Duration,
    is_probed: bool,
}

impl Outages {
    /// Whether a run of that provider may start now.
    pub fn allowed(&self, provider: &str, now: Instant) -> Allowed {
        match self.providers.get(provider).and_then(|state| state.held.as_ref()) {
            None => Allowed::Yes,
            Some(held) if held.is_probed => Allowed::WhenProbed,
            Some(held) if now >= held.next => Allowed::Probe,
            Some(held) => Allowed::After(held.next),
        }
    }

    /// A probe of that provider has started.
    pub fn probe_started(&mut self, provider: &str) {
        if let Some(held) = self.held(provider) {
            held.is_probed = true;
        }
    }

    /// A probe that ended from outside has found out nothing.
    pub fn probe_lost(&mut self, provider: &str) {
        if let Some(held) = self.held(provider) {
            held.is_probed = false;
        }
    }

    /// A run of that provider has ended. True if a hold begins with this, or is made longer by it.
    pub fn ended(&mut self, provider: &str, is_infrastructure: bool, now: Instant) -> bool {
        let state = self.providers.entry(provider.into()).or_default();
        if !is_infrastructure {
            *state = State::default();
            return false;
        }
        state.in_a_row += 1;
        match &mut state.held {
            Some(held) if held.is_probed => {
                held.is_probed = false;
                held.pause = (held.pause * 2).min(LONGEST_PAUSE);
                held.next = now + held.pause;
                true
            }
            // It began before the outage was noticed.
            Some(_) => false,
            None if state.in_a_row >= IN_A_ROW => {
                let (next, pause) = (now + FIRST_PAUSE, FIRST_PAUSE);
                state.held = Some(Held { since: now, next, pause, is_probed: false });
                true
            }
            None => false,
        }
    }

    /// A provider that has been held for as long as the plan allows.
    pub fn given_up(&self, limit: Duration, now: Instant) -> Option<&str> {
        let over = |state: &State| {
            state.held.as_ref().is_some_and(|held| now.duration_since(held.since) >= limit)
        };
        self.providers.iter().find(|(_, state)| over(state)).map(|(name, _)| name.as_str())
    }

    /// How many runs of that provider in a row were spoilt.
    pub fn in_a_row(&self, provider: &str) -> usize {
        self.providers.get(provider).map_or(0, |state| state.in_a_row)
    }

    /// What comes next of the runs of that provider, if they are held and none of them tries it
    /// now. A provider may be held for `limit`.
    pub fn ahead(&self, provider: &str, limit: Duration, now: Instant) -> Option<Ahead> {
        let held = self.providers.get(provider)?.held.as_ref().filter(|held| !held.is_probed)?;
        let next = held.next.saturating_duration_since(now);
        let end = limit.saturating_sub(now.saturating_duration_since(held.since));
        Some(if end <= next { Ahead::End(end) } else { Ahead::Try(next) })
    }

    /// What comes first of the held runs among those that wait; `waiting` are their providers.
    pub fn first_ahead<'a>(
        &self,
        waiting: impl Iterator<Item = &'a str>,
        limit: Duration,
        now: Instant,
    ) -> Option<Ahead> {
        // Thousands may wait, and this is asked every second.
        if self.providers.values().all(|state| state.held.is_none()) {
            return None;
        }
        let all = waiting.filter_map(|provider| self.ahead(provider, limit, now));
        all.min_by_key(|ahead| ahead.time())
    }

    fn held(&mut self, provider: &str) -> Option<&mut Held> {
        self.providers.get_mut(provider)?.held.as_mut()
    }
}

/// The places in `rows` of the attempts that use up none, because they were part of an outage: at
/// least [`IN_A_ROW`] of one provider in a row, in the order in which they were recorded.
pub fn forgiven<'a>(rows: &[Row], provider: &dyn Fn(&Row) -> &'a str) -> BTreeSet<usize> {
    let mut open: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let mut close = |streak: Vec<usize>| {
        if streak.len() >= IN_A_ROW {
            found.extend(streak);
        }
    };
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.uses_an_attempt()) {
        let streak = open.entry(provider(row)).or_default();
        if row.is_infrastructure() {
            streak.push(at);
        } else {
            close(std::mem::take(streak));
        }
    }
    open.into_values().for_each(close);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_in_a_row_hold_a_provider_and_one_run_at_a_time_tries_it() {
        let (mut outages, start) = (Outages::default(), Instant::now());
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        for _ in 0..4 {
            assert!(!outages.ended("p", true, start));
        }
        outages.ended("other", true, start);
        assert_eq!(outages.allowed("p", start), Allowed::Yes);
        assert!(outages.ended("p", true, start), "the fifth");
        assert_eq!(outages.allowed("p", start), Allowed::After(at(1)));
        assert_eq!(outages.allowed("other", start), Allowed::Yes);
        assert!(!outages.ended("p", true, start), "one that was running already");
        let mut now = 0;
        for pause in [1, 2, 4, 8, 15, 15] {
            now += pause;
            assert_eq!(outages.allowed("p", at(now - 1)), Allowed::After(at(now)), "{pause}");
            assert_eq!(outages.allowed("p", at(now)), Allowed::Probe);
            outages.probe_started("p");
            assert_eq!(outages.allowed("p", at(now)), Allowed::WhenProbed);
            assert!(outages.ended("p", true, at(now)), "the hold is longer now");
        }
        assert_eq!(outages.given_up(Duration::from_secs(3600), at(59)), None);
        assert_eq!(outages.given_up(Duration::from_secs(3600), at(60)), Some("p"));
        outages.ended("p", false, at(61));
        assert_eq!(outages.allowed("p", at(61)), Allowed::Yes);
        assert_eq!(outages.given_up(Duration::from_secs(3600), at(200)), None);
    }

    #[test]
    fn what_comes_next_of_held_runs_is_a_try_or_the_end_of_the_batch() {
        let (mut outages, start) = (Outages::default(), Instant::now());
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let (hour, second) = (minutes(60), Duration::from_secs(1));
        assert_eq!(outages.first_ahead(["p"].into_iter(), hour, start), None);
        for _ in 0..5 {
            outages.ended("p", true, start);
        }
        assert_eq!(outages.in_a_row("p"), 5);
        assert_eq!(outages.ahead("p", hour, start + second), Some(Ahead::Try(59 * second)));
        assert_eq!(outages.ahead("p", 9 * second, start + second), Some(Ahead::End(8 * second)));
        assert_eq!(outages.first_ahead(["other"].into_iter(), hour, start), None);
        for _ in 0..5 {
            outages.ended("other", true, start + second);
        }
        let both = outages.first_ahead(["other", "p"].into_iter(), hour, start + second);
        assert_eq!(both, Some(Ahead::Try(59 * second)), "the first of them");
        outages.probe_started("p");
        assert_eq!(outages.ahead("p", hour, start + minutes(1)), None, "one tries it now");
        outages.ended("p", true, start + minutes(1));
        assert_eq!(outages.in_a_row("p"), 6);
        let longer = outages.ahead("p", Duration::MAX, start + minutes(1));
        assert_eq!(longer, Some(Ahead::Try(minutes(2))));
    }

    #[test]
    fn a_success_in_between_is_no_outage() {
        let (mut outages, now) = (Outages::default(), Instant::now());
        for round in 0..40 {
            assert!(!outages.ended("p", round % 5 != 4, now));
        }
    }
}
