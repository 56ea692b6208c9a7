//! Whole conversations as a person reads them: `export --format markdown`.

use std::ops::ControlFlow;

use super::children::below;
use super::entry::{Depth, Entry, each_entry};
use super::export::{ExportOptions, interruptible, interruption};
use super::find::{self, Place};
use super::list::Listed;
use crate::error::Result;
use crate::runner::context::Context;

/// Receives conversations. Each method returns false if no more is wanted.
pub trait TranscriptSink {
    /// Comes before the messages of a conversation; `depth` is 0 for the one that was asked for.
    fn conversation(&mut self, conversation: &Listed, depth: usize) -> Result<bool>;
    /// Takes one message after the other, oldest first.
    fn message(&mut self, entry: &Entry) -> Result<bool>;
}

/// Hands over a conversation, and those of its sub-agents if they are wanted. No more than one
/// message is held in memory. Returns how many messages there were.
pub fn transcript(
    context: &Context,
    word: &str,
    options: &ExportOptions,
    sink: &mut dyn TranscriptSink,
) -> Result<usize> {
    interruptible(context, word, |server, signals| {
        let asked = find::given_or_newest(server, options.conversation.as_deref())?;
        let place = Place::of(asked.clone(), server);
        let children = if options.children { below(server, &place, usize::MAX)? } else { vec![] };
        let mut count = 0;
        for (depth, one) in [(0, asked)].into_iter().chain(children) {
            let place = Place::of(one.clone(), server);
            let mut more = sink.conversation(&Listed::of(one), depth);
            let take = &mut |entry: Entry| {
                count += 1;
                more = interruption(signals).map_or_else(|| sink.message(&entry), Err);
                if matches!(more, Ok(true)) {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            };
            match each_entry(server, &place, Depth::Tools, take) {
                Err(failure) if failure.is_missing() && depth > 0 => {
                    (context.say)(&format!("without {}, which was deleted meanwhile", place.id));
                }
                read => read.map_err(|failure| find::gone(server, &place, failure))?,
            }
            if !more? {
                break;
            }
        }
        Ok(count)
    })
}
