//! Waits until conversations reach something.

mod options;
mod search;
mod waiting;

pub use options::{Reached, Until, WaitOptions};

use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::{self, Place};
use crate::runner::session::operation::Operation;
use crate::runner::session::server::Server;
use crate::units::{Backoff, seconds};
use waiting::Waiting;

/// How often REST is asked while events come; they make it sooner.
const CALM: Duration = Duration::from_secs(2);

/// Waits. The ones that were reached come in the order in which that was seen.
pub fn wait(context: &Context, word: &str, options: &WaitOptions) -> Result<Vec<Reached>> {
    let operation = match Operation::begin(context, word, options.timeout) {
        Err(error) if error.code == Code::Unreachable && options.until.contains(&Until::Dead) => {
            return Ok(vec![dead()]);
        }
        operation => operation?,
    };
    let Operation { signals, server, deadline, .. } = &operation;
    let only_dead = options.until == [Until::Dead];
    let places = match only_dead {
        true => Vec::new(),
        false => {
            places(server, &options.conversations).map_err(|error| operation.explain(error))?
        }
    };
    let mut waiting = Waiting::new(server, places, options);
    let mut pauses = Backoff::new(Duration::from_millis(50), CALM);
    loop {
        if let Some(code) = signals.received() {
            return Err(Error::new(code, "interrupted; the turns go on"));
        }
        let looked = waiting.look();
        let ended = match &looked {
            Ok(()) => server.ended(context),
            Err(failure) => server.ended_by(context, failure),
        };
        if let Some(error) = ended {
            if options.until.contains(&Until::Dead) {
                waiting.reached.push(dead());
                return Ok(waiting.reached);
            }
            return Err(error);
        }
        if let Err(failure) = looked
            && !failure.is_passing()
        {
            return Err(failure.into());
        }
        if waiting.done() {
            return Ok(waiting.reached);
        }
        if deadline.expired() {
            let limit = seconds(options.timeout);
            let mut left = waiting.places().collect::<Vec<_>>().join(", ");
            if only_dead {
                left = format!("the end of session {}", server.record.id);
            }
            return Err(Error::new(Code::Timeout, format!("not reached within {limit}: {left}")));
        }
        waiting.listen(Instant::now() + pauses.next(), *deadline);
    }
}

fn dead() -> Reached {
    Reached { conversation: None, what: "dead", ask: None }
}

fn places(server: &Server, given: &[String]) -> Result<Vec<Place>> {
    match given {
        [] => Ok(vec![find::latest_root(server)?]),
        ids => ids.iter().map(|id| find::by_id(server, id)).collect(),
    }
}
