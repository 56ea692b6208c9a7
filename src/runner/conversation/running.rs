//! What a conversation waits for, in words: a tool call that does not end.

use std::time::Duration;

use super::find::Place;
use crate::client::Limit;
use crate::runner::session::doing;
use crate::runner::session::server::Server;

/// How long the look may take. It comes at the end of a limit.
pub const LOOK: Duration = Duration::from_secs(1);

/// The newest tool call that still runs, for a message: the tool, its command and for how long, and
/// its turn if this is not `turn`. `None` if there is none, or the server does not tell.
pub fn running_tool(server: &Server, place: &Place, turn: &str) -> Option<String> {
    let limit = Limit::Whole(LOOK);
    let found = doing::running_tool(&server.client, &place.directory, &place.id, limit)?;
    let mut what = format!("tool {}", found.name);
    if let Some(title) = found.title {
        what.push_str(&format!(" ({title})"));
    }
    if let Some(own) = found.turn.filter(|own| own != turn) {
        what.push_str(&format!(" of turn {own}"));
    }
    if let Some(ms) = found.running_ms {
        what.push_str(&format!(", which has run for {} s", ms / 1000));
    }
    Some(what)
}
