//! Takes up what an earlier process left: it ends what still runs, adopts what has ended, and
//! records what was torn.

use std::fs;
use std::time::Duration;

use super::children::{clean, line_of};
use super::directory::{Directory, RUNNING};
use super::first_order;
use super::ledger::{Ledger, Standing};
use crate::bench::results::file::{Appender, Lines};
use crate::bench::results::line::{LineError, ResultLine};
use crate::bench::results::row::Row;
use crate::bench::schedule::Shard;
use crate::bench::trial::artifacts::make_private;
use crate::bench::trial::order::TrialOrder;
use crate::error::Result;

/// No order takes that long to write, even if the clock of the host that writes it is hours behind
/// this one's.
const TEMPORARY_OLD: Duration = Duration::from_secs(24 * 3600);

/// Settles all attempts of this shard that were begun and not recorded; how many there were.
pub fn recover(
    directory: &Directory,
    shard: Shard,
    lines: &mut Lines,
    results: &mut Appender,
) -> Result<usize> {
    let mut recovered = 0;
    let running = directory.path.join(RUNNING);
    for entry in fs::read_dir(&running).into_iter().flatten().flatten() {
        let file = entry.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            // Left by a process that was killed. One that another shard still uses is young, or it
            // makes itself another one.
            let age = entry.metadata().and_then(|data| data.modified()).ok();
            let age = age.and_then(|at| at.elapsed().ok());
            if shard.count == 1 || age.is_some_and(|age| age > TEMPORARY_OLD) {
                let _ = fs::remove_file(&file);
            }
            continue;
        }
        if first_order::is_order(&name) {
            first_order::recover(&file, shard);
            continue;
        }
        let Ok(order) = TrialOrder::read(&file) else {
            let _ = fs::remove_file(&file);
            continue;
        };
        if order.shard != shard.name() || order.batch != directory.batch {
            continue;
        }
        let is_recorded = lines.attempts(&order.run_id).any(|row| row.attempt == order.attempt);
        if !is_recorded {
            let left = line_of(&order.artifacts, &order.batch, &order.run_id, order.attempt);
            let (row, text) = left.unwrap_or_else(|| torn(&order));
            results.append(&text)?;
            lines.add(row);
            recovered += 1;
        }
        clean(&order, &file);
    }
    Ok(recovered)
}

/// Takes over attempts that have ended and whose lines were lost: the last line of the results can
/// be torn by a power cut, and its attempt has left the same line among its artifacts.
pub fn adopt(
    directory: &Directory,
    ledger: &mut Ledger,
    places: &[usize],
    results: &mut Appender,
) -> Result<usize> {
    let mut adopted = 0;
    for place in places {
        let run = &ledger.runs[*place];
        if ledger.standing(run) != Standing::Due {
            continue;
        }
        let (arm, attempt) = (run.arm, ledger.next_attempt(run));
        let artifacts = directory.path.join(artifacts(&run.id, attempt));
        if let Some((row, text)) = line_of(&artifacts, &directory.batch, &run.id, attempt) {
            results.append(&text)?;
            ledger.add(arm, row);
            adopted += 1;
        }
    }
    Ok(adopted)
}

/// The directory of an attempt's files, relative to that of the batch.
pub fn artifacts(run: &str, attempt: u32) -> String {
    format!("artifacts/{run}/{attempt}")
}

/// The line of an attempt whose process was killed before it could write one, perhaps before it had
/// made the directory that the line names.
fn torn(order: &TrialOrder) -> (Row, String) {
    let _ = make_private(&order.artifacts);
    let mut line = ResultLine::begun(order, jiff::Timestamp::now().to_string());
    line.error = Some(LineError {
        name: "torn".into(),
        message: "its process was killed before it could record anything".into(),
    });
    read_back(&line)
}

/// A line as it will be read, with its text.
pub fn read_back(line: &ResultLine) -> (Row, String) {
    let text = line.to_text();
    let row = Row::read(&text).expect("a line of our own can be read");
    (row, text)
}
