//! How sessions are shown.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::output::{Cell, Colour};
use crate::runner::session::{SessionFacts, SessionStatus, State};
use crate::units::time_zone;

/// What the record says of a session, as JSON; `docs/json.md` describes the fields.
pub fn facts(facts: &SessionFacts) -> Value {
    json!({
        "id": facts.id,
        "name": facts.name,
        "port": facts.port,
        "url": facts.url,
        "pid": facts.pid,
        "host": facts.host,
        "agent": facts.agent,
        "workdir": facts.workdir,
        "adopted": facts.adopted,
        "isolated": facts.isolated,
        "labels": facts.labels,
        "branch": facts.branch,
        "idle_timeout_ms": facts.idle_timeout_s.map(|limit| (limit * 1000.0) as u64),
        "parent": facts.parent,
        "opencode_version": facts.opencode_version,
        "log": facts.log,
        "created_at": facts.created.map(|time| time.to_string()),
        "last_activity": facts.last_active.map(|time| time.to_string()),
    })
}

/// The same with what the server says the session is doing.
pub fn status(status: &SessionStatus) -> Value {
    let mut value = facts(&status.facts);
    value["state"] = status.state.name().into();
    value["error"] = status.trouble.clone().into();
    value["dirty"] = status.changes.is_dirty().into();
    value
}

/// A time in the local time zone, to the second.
pub fn time(moment: Option<Timestamp>) -> String {
    let local = |moment: Timestamp| moment.to_zoned(time_zone().clone());
    moment.map_or("-".into(), |moment| local(moment).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// A time in a table: how long ago it was on a terminal.
pub fn time_cell(moment: Option<Timestamp>) -> Cell {
    let cell = Cell::new(time(moment));
    let ago = moment.and_then(|moment| ago(moment, Timestamp::now()));
    ago.iter().fold(cell, |cell, ago| cell.on_terminal(ago))
}

/// How long ago a moment was, in the largest unit; `None` for the future, and for what is so long
/// ago that the date says more.
pub fn ago(moment: Timestamp, now: Timestamp) -> Option<String> {
    let seconds = now.duration_since(moment).as_secs();
    let (count, unit) = match seconds {
        0..60 => (seconds, "s"),
        60..3600 => (seconds / 60, "min"),
        3600..172_800 => (seconds / 3600, "h"),
        172_800..2_592_000 => (seconds / 86_400, "d"),
        _ => return None,
    };
    Some(format!("{count} {unit} ago"))
}

/// The colour of a session's state.
pub fn colour(state: State) -> Colour {
    match state {
        State::Idle => Colour::Green,
        State::Running | State::Starting | State::Elsewhere => Colour::Yellow,
        State::WaitingPermission | State::WaitingQuestion => Colour::Yellow,
        State::Error | State::Dead => Colour::Red,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_largest_unit_that_it_fills() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-03-29T12:00:00Z");
        for (moment, expected) in [
            ("2026-03-29T12:00:00Z", Some("0 s ago")),
            ("2026-03-29T11:59:00.5Z", Some("59 s ago")),
            ("2026-03-29T11:00:00.5Z", Some("59 min ago")),
            ("2026-03-27T12:00:01Z", Some("47 h ago")),
            ("2026-02-28T12:00:00Z", Some("29 d ago")),
            ("2026-02-26T12:00:00Z", None),
            ("2026-03-29T12:00:02Z", None),
        ] {
            assert_eq!(ago(at(moment), now).as_deref(), expected, "{moment}");
        }
    }
}
