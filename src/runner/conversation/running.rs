//! What a conversation waits for: a tool call that does not end.

use std::time::Duration;

use super::find::Place;
use crate::client::wire::{Message, Part};
use crate::client::{DATE_LAG, Limit};
use crate::runner::session::server::Server;
use crate::units::milliseconds;

/// Among how many of the newest messages it is looked for.
const NEWEST: usize = 8;

/// How much of a command is shown, in characters.
const SHOWN: usize = 80;

/// How long the look may take. It comes at the end of a limit.
pub const LOOK: Duration = Duration::from_secs(1);

/// The newest tool call that still runs, for a message: the tool, its command and for how long, and
/// its turn if this is not `turn`. `None` if there is none, or the server does not tell.
pub fn running_tool(server: &Server, place: &Place, turn: &str) -> Option<String> {
    let mut pages = server.client.pages(&place.id, &place.directory, Limit::Whole(LOOK));
    let messages: Vec<Message> = pages.next(NEWEST).ok()??;
    let runs = |part: &&Part| part.kind == "tool" && part.state.status == "running";
    let found = |message: &'_ Message| message.parts.iter().rfind(runs).cloned();
    let (message, part) =
        messages.iter().rev().find_map(|message| Some((message, found(message)?)))?;
    let mut what = format!("tool {}", part.tool.as_deref().unwrap_or("without a name"));
    if let Some(command) = part.state.input.command.as_deref().or(part.state.title.as_deref()) {
        what.push_str(&format!(" ({})", shortened(command)));
    }
    if let Some(parent) = message.info.parent.as_deref().filter(|parent| *parent != turn) {
        what.push_str(&format!(" of turn {parent}"));
    }
    if let Some(start) = part.state.time.start {
        let seconds = now(server).saturating_sub(start as u64) / 1000;
        what.push_str(&format!(", which has run for {seconds} s"));
    }
    Some(what)
}

/// The server's clock, by that of this machine as far as both agree.
fn now(server: &Server) -> u64 {
    let here = jiff::Timestamp::now().as_millisecond() as u64;
    server.client.server_time().map_or(here, |at| here.clamp(at, at + milliseconds(DATE_LAG)))
}

/// The beginning of the first line of a command.
fn shortened(command: &str) -> String {
    let line = command.trim().lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < command.trim().len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_on_one_line_and_what_is_left_out_is_marked() {
        assert_eq!(shortened(" setsid sleep 9 & echo a\n"), "setsid sleep 9 & echo a");
        assert_eq!(shortened("cd x\nmake"), "cd x…");
        assert_eq!(shortened(&"ü".repeat(81)), format!("{}…", "ü".repeat(80)));
    }
}
