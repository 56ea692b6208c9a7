//! When the phases of a trial began and ended. A result line has one moment and durations.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::bench::export::taken::Taken;

/// The moments of a trial.
#[derive(Clone, Copy, Default)]
pub struct Times {
    /// When the attempt began.
    pub started: Option<Timestamp>,
    /// When its last known phase ended.
    pub finished: Option<Timestamp>,
    phases: [Option<(Timestamp, Timestamp)>; 4],
}

/// What Harbor calls the phases, and the durations of a result line that they are.
const PHASES: [(&str, &str); 4] = [
    ("environment_setup", "setup_ms"),
    ("agent_setup", "server_start_ms"),
    ("agent_execution", "agent_ms"),
    ("verifier", "check_ms"),
];

impl Times {
    /// Those of a run. One phase follows the other; what is between them is not measured.
    pub fn of(taken: &Taken) -> Times {
        let started = taken.row.started_at;
        let mut times = Times { started, finished: started, ..Times::default() };
        for ((_, key), phase) in PHASES.iter().zip(&mut times.phases) {
            let length = taken.line[*key].as_i64().map(SignedDuration::from_millis);
            let ended = times.finished.zip(length);
            let ended = ended.and_then(|(from, length)| from.checked_add(length).ok());
            *phase = times.finished.zip(ended);
            times.finished = ended.or(times.finished);
        }
        times
    }

    /// The phases, each null if it is not known.
    pub fn phases(&self) -> impl Iterator<Item = (&'static str, Value)> {
        PHASES.iter().zip(self.phases).map(|((name, _), phase)| {
            let value = phase.map(
                |(from, to)| json!({"started_at": from.to_string(), "finished_at": to.to_string()}),
            );
            (*name, json!(value))
        })
    }
}

/// RFC 3339 in UTC.
pub fn text(moment: Option<Timestamp>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}
