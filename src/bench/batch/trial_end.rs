//! How trials come to their end, and the lines of those that leave none that can be taken as it is.

use std::process::ExitStatus;

use serde_json::{Value, json};

use super::children::Child;
use crate::bench::results::line::{LineError, ResultLine, RunResult, Stop};
use crate::bench::results::row::Row;

/// The line of a run that finds its disk full again and again, although there was room each time
/// the batch was continued: it fills the disk itself, and that uses up its attempts.
pub fn of_its_own_making(row: Row, text: String) -> (Row, String) {
    let mut line: Value = serde_json::from_str(&text).unwrap_or_default();
    line["stop"] = json!(Stop::SetupError);
    let text = line.to_string();
    Row::read(&text).map_or((row, text.clone()), |row| (row, text))
}

/// How a trial came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialEnd {
    /// With status 0: nothing that was started for the run is left.
    Done,
    /// With another one.
    Failed,
    /// By a signal that this process did not send.
    Killed,
    /// It was killed at its deadline.
    Late,
}

impl TrialEnd {
    /// From whether it was killed at its deadline, and from its status, if that is known.
    pub fn of(is_over: bool, status: Option<ExitStatus>) -> TrialEnd {
        match status.map(|status| status.code()) {
            _ if is_over => TrialEnd::Late,
            Some(Some(0)) => TrialEnd::Done,
            Some(None) => TrialEnd::Killed,
            Some(Some(_)) | None => TrialEnd::Failed,
        }
    }
}

/// The line of an attempt that left none. One that dies again and again was not killed by chance.
pub fn unrecorded(child: &Child, end: TrialEnd, dies: bool) -> ResultLine {
    let mut line = ResultLine::begun(&child.order, child.started_at.clone());
    line.result = RunResult::Unscored;
    let (stop, name, message) = match end {
        TrialEnd::Late => {
            (Stop::ServerError, "hung", "its process did not end in time and was killed")
        }
        TrialEnd::Killed if !dies => (Stop::Interrupted, "torn", "its process was killed"),
        TrialEnd::Killed | TrialEnd::Failed | TrialEnd::Done => {
            (Stop::ServerError, "crashed", "its process left no result: trial.log")
        }
    };
    line.stop = stop;
    line.error = Some(LineError { name: name.into(), message: message.into() });
    line
}
