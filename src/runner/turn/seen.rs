//! Recognises an event that the server delivers twice.

use std::collections::{HashSet, VecDeque};

/// How many event ids are remembered. A repetition comes soon after the event itself.
const REMEMBERED_EVENTS: usize = 512;

/// Which events have been taken before.
#[derive(Debug, Default)]
pub struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// Remembers an event; false if it has been taken before. No server without event ids has been
    /// seen to repeat an event.
    pub fn remember(&mut self, event: Option<&str>) -> bool {
        let Some(id) = event else { return true };
        if !self.ids.insert(id.into()) {
            return false;
        }
        self.order.push_back(id.into());
        if self.order.len() > REMEMBERED_EVENTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_comes_twice_counts_once() {
        let mut seen = Seen::default();
        assert!(seen.remember(Some("evt_1")));
        assert!(!seen.remember(Some("evt_1")));
        assert!(seen.remember(None) && seen.remember(None));
        for number in 0..2000 {
            assert!(seen.remember(Some(&format!("other_{number}"))));
        }
        assert!(seen.ids.len() <= REMEMBERED_EVENTS + 1);
    }
}
