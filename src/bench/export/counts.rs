//! Tokens as other tools count them.

use crate::bench::results::line::LineTokens;
use crate::runner::turn::Tokens;

/// Tokens of which what was read from the cache is a part of the prompt, and what was thought is a
/// part of the answer. occtl's own counts are disjoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All that was read.
    pub prompt: u64,
    /// What of it came from the provider's cache.
    pub cached: u64,
    /// What of it went into that cache.
    pub cache_creation: u64,
    /// All that was written.
    pub completion: u64,
    /// What of it were thoughts.
    pub reasoning: u64,
}

impl Counts {
    /// Those of a result line.
    pub fn of_line(tokens: LineTokens) -> Counts {
        let LineTokens { input, output, reasoning, cache_read, cache_write } = tokens;
        Counts {
            prompt: input.saturating_add(cache_read).saturating_add(cache_write),
            cached: cache_read,
            cache_creation: cache_write,
            completion: output.saturating_add(reasoning),
            reasoning,
        }
    }

    /// Those of a message. What the server does not say was not used.
    pub fn of_message(tokens: Tokens) -> Counts {
        let Tokens { input, output, reasoning, cache_read, cache_write } = tokens;
        Counts::of_line(LineTokens {
            input: input.unwrap_or(0),
            output: output.unwrap_or(0),
            reasoning: reasoning.unwrap_or(0),
            cache_read: cache_read.unwrap_or(0),
            cache_write: cache_write.unwrap_or(0),
        })
    }

    /// Adds others.
    pub fn add(&mut self, other: Counts) {
        for (sum, more) in [
            (&mut self.prompt, other.prompt),
            (&mut self.cached, other.cached),
            (&mut self.cache_creation, other.cache_creation),
            (&mut self.completion, other.completion),
            (&mut self.reasoning, other.reasoning),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}
