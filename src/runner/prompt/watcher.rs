//! Who watches a turn, and how a turn learns what a stream brought.

use std::time::Instant;

use crate::client::Event;
use crate::runner::session::stream::Heard;
use crate::runner::signals::Signals;
use crate::runner::turn::{News, Spent, Turn};
use crate::units::Deadline;

/// Gets a turn's text while it is written.
pub trait Watcher {
    /// Takes text, as soon as it is known.
    fn text(&mut self, text: &str);
    /// Called before any text: writing text must end at the deadline and at a signal, even if the
    /// text has no reader.
    fn give_up_at(&mut self, _deadline: Deadline, _signals: &Signals) {}
    /// Takes what the turn or one of its sub-agents does.
    fn news(&mut self, _news: &News) {}
    /// Called again and again while the turn goes on, with what it has used so far.
    fn turn_goes_on(&mut self, _spent: Spent) {}
}

/// Gives to a turn what a stream brought, and to the watcher what text that adds.
pub fn take_heard(heard: &Heard, turn: &mut Turn, watcher: &mut dyn Watcher) {
    match heard {
        Heard::Gap | Heard::Long => turn.note_gap(),
        Heard::Data(data) => {
            let event = Event::decode(data, &|conversation| turn.concerns(conversation));
            if let Some(event) = event {
                turn.apply_event(&event, Instant::now(), &mut |text| watcher.text(text));
            }
        }
    }
}
