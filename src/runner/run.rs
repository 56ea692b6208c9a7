//! `run`: start, send, follow, stop.

use std::time::Instant;

use super::context::Context;
use crate::error::Result;
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

/// Runs one prompt on a server of its own. Nothing of it is left, unless it is to be kept.
///
/// The limit of `follow` is for all of it.
pub fn run(context: &Context, options: RunOptions, follow: Follow) -> Result<Finished> {
    let signals = context.catch_signals()?;
    let began = Instant::now();
    let limit = follow.terms.limits.timeout;
    let mut terms = follow.terms.clone();
    let start = StartOptions {
        timeout: options.start.timeout.min(limit),
        dies_with_us: !options.keep,
        ..options.start.clone()
    };
    // Before a server is started for it.
    signals.set_fatal(true);
    let prompt = Prepared::read(options.prompt)?;
    signals.set_fatal(false);
    let (session, guard) = launch(context, &start)?;
    terms.limits.timeout = limit.saturating_sub(began.elapsed());
    terms.limits.rest_of = Some(limit);
    let follow = Follow { terms, ..follow };
    let finished = follow_prepared(context, &session.id, prompt, follow);
    if options.keep {
        (context.say)(&format!(
            "session {} is left running: occtl stop {}",
            session.id, session.id
        ));
        return finished;
    }
    let stopped =
        stop(context, &session.id, &StopOptions { recursive: true, ..StopOptions::default() });
    drop(guard);
    let finished = finished?;
    // The answer is worth more than the trouble of getting rid of the server, but both are told.
    match stopped {
        Ok(_) => Ok(Finished { session_remains: false, ..finished }),
        Err(error) => {
            (context.say)(&format!("warning: {error}"));
            Ok(finished)
        }
    }
}
