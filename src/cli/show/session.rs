//! How sessions are shown.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::output::Colour;
use crate::runner::session::{SessionFacts, SessionStatus, State};

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
    let local = |moment: Timestamp| moment.to_zoned(TimeZone::system());
    moment.map_or("-".into(), |moment| local(moment).strftime("%Y-%m-%d %H:%M:%S").to_string())
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
