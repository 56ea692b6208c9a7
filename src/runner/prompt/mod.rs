//! Sends a prompt, and follows its turn to the end.

pub mod abort;
pub mod check;
pub mod command;
pub mod compact;
pub mod files;
pub mod finished;
pub mod follow;
pub mod hook;
pub mod limits;
pub mod mentions;
pub mod message_id;
pub mod new;
pub mod options;
pub mod prepared;
pub mod queue;
pub mod report;
pub mod schema;
pub mod stored;
pub mod wait;
pub mod watcher;
pub mod workplace;

pub use crate::client::wire::ModelName;
pub use abort::{Aborted, abort_conversation};
pub use command::check_arguments;
pub use compact::compact;
pub use finished::{Finished, follow_turn, send_and_follow};
pub use hook::Hook;
pub use limits::Limits;
pub use mentions::{Mention, find_mentions};
pub use new::{NewOptions, open_conversation};
pub use options::{Follow, PromptOptions, Terms, Wanted};
pub use wait::{Reached, Until, WaitOptions, wait};
pub use watcher::Watcher;

use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::out_of_time;
use crate::units::Deadline;
use message_id::new_turn;
use prepared::Prepared;

/// A prompt that the server has.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// `msg_…`.
    pub turn: String,
}

/// Sends a prompt and returns once the server has it. Of the terms only the time counts, and what
/// the policy says to the server.
pub fn send(
    context: &Context,
    word: &str,
    options: PromptOptions,
    terms: &Terms,
) -> Result<Accepted> {
    let limit = terms.limits.timeout;
    let deadline = Deadline::after(limit);
    let mut prepared = Prepared::read(options, limit)?;
    let server = Server::open_by(context, word, deadline)?;
    let explain = |error: Error| match error.code {
        Code::Unreachable | Code::TurnFailed if deadline.expired() => {
            out_of_time(error, terms.limits.given())
        }
        Code::Unreachable => server.explain(context, error),
        _ => error,
    };
    let policy = &terms.policy;
    let placed = prepared.find_place(context, &server, policy, false).map_err(explain)?;
    let turn = new_turn(context, &server, &placed).map_err(explain)?;
    let place = placed.place;
    // Before the prompt, so that no `cleanup` in between takes the session for unused.
    server.note_use(context, Some(&place.id));
    prepared.hand_over(&server, &place, &turn).map_err(explain)?;
    Ok(Accepted { session: server.record.id.clone(), conversation: place.id, turn })
}
