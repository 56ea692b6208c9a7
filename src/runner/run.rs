//! `run`: start, send, follow, stop.

use std::time::Instant;

use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::lifecycle::start::{StartOptions, launch};
use crate::runner::lifecycle::stop::{StopOptions, stop};
use crate::runner::prompt::finished::{Finished, follow_prepared};
use crate::runner::prompt::options::{Follow, PromptOptions};
use crate::runner::prompt::prepared::Prepared;

/// What `run` was asked for.
pub struct RunOptions {
    /// The server.
    pub start: StartOptions,
    /// The prompt.
    pub prompt: PromptOptions,
    /// Leave the server running.
    pub keep: bool,
}

/// Runs one prompt on a server of its own. Nothing of the server is left, unless it is to be kept.
///
/// The timeout of `follow` is for everything together.
pub fn run(context: &Context, options: RunOptions, follow: Follow) -> Result<Finished> {
    let signals = context.catch_signals()?;
    let began = Instant::now();
    let limit = follow.terms.limits.timeout;
    let terms = follow.terms.clone();
    let start = StartOptions {
        timeout: options.start.timeout.min(limit),
        dies_with_us: !options.keep,
        ..options.start.clone()
    };
    // Before a server is started for a prompt that cannot be read.
    signals.set_fatal(true);
    let prompt = Prepared::read(options.prompt, limit)?;
    signals.set_fatal(false);
    let (session, guard) = launch(context, &start)?;
    let follow = Follow { terms: terms.after(began), ..follow };
    let finished = follow_prepared(context, &session.id, prompt, follow);
    if options.keep {
        let id = &session.id;
        (context.say)(&format!("session {id} is left running: occtl stop {id}"));
        return finished;
    }
    let options = StopOptions { recursive: true, ..StopOptions::default() };
    let stopped = stop(context, &session.id, &options);
    drop(guard);
    let finished = finished?;
    // The answer is worth more than an error about its server, which becomes a warning.
    match stopped {
        Ok(_) => Ok(Finished { session_remains: false, ..finished }),
        Err(error) => {
            (context.say)(&format!("warning: {error}"));
            Ok(finished)
        }
    }
}
