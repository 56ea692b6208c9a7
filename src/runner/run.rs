//! `run`: start, send, follow, stop.

use std::time::Instant;

use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::conversation::find::Target;
use crate::runner::lifecycle::start::{StartOptions, launch};
use crate::runner::lifecycle::stop::{StopOptions, stop};
use crate::runner::prompt::finished::{Finished, follow_prepared};
use crate::runner::prompt::options::{Follow, PromptOptions};
use crate::runner::prompt::prepared::Prepared;
use crate::runner::turn::Outcome;
use crate::units::{Deadline, ENDING};

/// The title of a conversation that goes with its server. Without one OpenCode has a model write
/// it, which costs time and tokens.
const PASSING_TITLE: &str = "occtl run";

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
    // It has a database of its own, and ends with this command.
    let is_alone = options.start.isolate && !options.keep;
    let model = options.prompt.model.as_ref().or(options.prompt.default_model.as_ref());
    let start = StartOptions {
        timeout: options.start.timeout.min(limit),
        dies_with_us: !options.keep,
        // One that stays may be told of further providers. One that shares a database may find an
        // account there, with a configuration of its own.
        lean: is_alone,
        providers: model.map(|model| model.provider.clone()).into_iter().collect(),
        ..options.start.clone()
    };
    let mut prompt = options.prompt;
    let is_passing = is_alone && !options.start.keeps_remains;
    if is_passing && let Target::New(title @ None) = &mut prompt.target {
        *title = Some(PASSING_TITLE.into());
    }
    // Before a server is started for a prompt that cannot be read.
    signals.set_fatal(true);
    let prompt = Prepared::read(prompt, limit)?;
    signals.set_fatal(false);
    let (session, guard) = launch(context, &start)?;
    let follow = Follow { terms: terms.after(began), ..follow };
    let finished = follow_prepared(context, &session.id, prompt, follow);
    if options.keep {
        let id = &session.id;
        (context.say)(&format!("session {id} is left running: occtl stop {id}"));
        return finished;
    }
    let given_up = finished.as_ref().ok().and_then(|finished| finished.given_up);
    let deadline = ending(began.checked_add(limit), given_up);
    let failed = finished.as_ref().map_or(true, |one| one.record.outcome != Outcome::Ok);
    let keep_remains = start.keeps_remains && failed;
    let options = StopOptions { recursive: true, deadline, keep_remains, ..StopOptions::default() };
    let stopped = stop(context, &session.id, &options);
    if let Some(guard) = guard {
        guard.end(deadline);
    }
    // What became of the turn is worth more than an error about its server: that is a warning.
    if let Err(error) = &stopped {
        (context.say)(&format!("warning: {error}"));
    }
    finished.map(|finished| Finished { session_remains: stopped.is_err(), ..finished })
}

/// When everything must be over. One span of time begins as soon as there is a reason to end, and
/// all that is done from then on shares it: the abort of the turn, its record, and the server's end
/// by SIGTERM and SIGKILL.
fn ending(limit_reached: Option<Instant>, given_up: Option<Instant>) -> Deadline {
    let now = Instant::now();
    let began = [limit_reached, given_up].into_iter().flatten().fold(now, Instant::min);
    Deadline::after(ENDING.saturating_sub(now - began))
}
