//! Providers that fail: after several runs in a row that ended because of one, its runs are held,
//! and single ones try again after growing pauses.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::bench::results::row::Row;

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

    /// A run of that provider has ended. True if its outage is noticed by this.
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
                false
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
            outages.ended("p", true, at(now));
        }
        assert_eq!(outages.given_up(Duration::from_secs(3600), at(59)), None);
        assert_eq!(outages.given_up(Duration::from_secs(3600), at(60)), Some("p"));
        outages.ended("p", false, at(61));
        assert_eq!(outages.allowed("p", at(61)), Allowed::Yes);
        assert_eq!(outages.given_up(Duration::from_secs(3600), at(200)), None);
    }

    #[test]
    fn a_success_in_between_is_no_outage() {
        let (mut outages, now) = (Outages::default(), Instant::now());
        for round in 0..40 {
            assert!(!outages.ended("p", round % 5 != 4, now));
        }
    }
}
