//! Waits until conversations reach something.

mod options;
mod search;
mod waiting;

pub use options::{Milestone, Reached, Until, WaitOptions};

use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::{self, Place, Target, target_place};
use crate::runner::session::operation::Operation;
use crate::runner::session::pending::unlistable;
use crate::runner::session::server::Server;
use crate::units::{Backoff, seconds};
use waiting::Waiting;

/// The pauses between two looks at REST. An event that matters makes the next look sooner.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

/// Waits. What was reached comes in the order in which it was seen.
pub fn wait(context: &Context, word: &str, options: &WaitOptions) -> Result<Vec<Reached>> {
    let wants_death = options.until.contains(&Until::Dead);
    let operation = match Operation::begin(context, word, options.timeout) {
        Err(error) if error.code == Code::Unreachable && wants_death => return Ok(vec![dead()]),
        operation => operation?,
    };
    let Operation { signals, server, deadline, .. } = &operation;
    let mut places = Vec::new();
    if !options.wants_only_death() {
        let found = find_places(context, server, &options.conversations);
        places = found.map_err(|error| operation.explain(error))?;
    }
    let mut waiting = Waiting::new(server, places, options);
    let mut pauses = PAUSES;
    let mut told = false;
    loop {
        if let Some(code) = signals.received() {
            let how = code.interrupted();
            return Err(Error::new(code, format!("{how}; the turns go on")));
        }
        let looked = waiting.look();
        let ended = match &looked {
            Ok(()) => server.ended(),
            Err(failure) => server.ended_by(failure),
        };
        if ended.is_some() && wants_death {
            waiting.reached.push(dead());
            return Ok(waiting.reached);
        }
        if let Some(error) = ended {
            return Err(error);
        }
        if let Err(failure) = looked
            && !failure.is_passing()
        {
            return Err(failure.into());
        }
        if waiting.may_ask_unseen() && !std::mem::replace(&mut told, true) {
            (context.say)(&unlistable(server).to_string());
        }
        if waiting.is_done() {
            return Ok(waiting.reached);
        }
        if deadline.expired() {
            return Err(not_reached(server, options, &waiting));
        }
        waiting.listen(Instant::now() + pauses.next(), *deadline, signals);
    }
}

fn dead() -> Reached {
    Reached { conversation: None, what: Milestone::Dead }
}

fn not_reached(server: &Server, options: &WaitOptions, waiting: &Waiting) -> Error {
    let limit = seconds(options.timeout);
    let left = if options.wants_only_death() {
        format!("the end of session {}", server.record.id)
    } else {
        waiting.conversations().collect::<Vec<_>>().join(", ")
    };
    Error::new(Code::Timeout, format!("not reached within {limit}: {left}"))
}

fn find_places(context: &Context, server: &Server, conversations: &[String]) -> Result<Vec<Place>> {
    if conversations.is_empty() {
        return Ok(vec![target_place(context, server, &Target::LastUsedOrNewest)?]);
    }
    conversations.iter().map(|id| find::by_id(server, id)).collect()
}
