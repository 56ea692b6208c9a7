//! Takes up what an earlier process left: it ends what still runs, adopts what has ended, and
//! records what was torn.

use std::fs;

use super::children::{clean, line_of};
use super::directory::Directory;
use crate::bench::results::file::{Appender, Lines};
use crate::bench::results::line::{LineError, ResultLine};
use crate::bench::results::row::Row;
use crate::bench::schedule::Shard;
use crate::bench::trial::order::TrialOrder;
use crate::error::Result;

/// Settles all attempts of this shard that were begun and not recorded.
pub fn recover(
    directory: &Directory,
    shard: Shard,
    lines: &mut Lines,
    results: &mut Appender,
) -> Result<usize> {
    let mut recovered = 0;
    let running = directory.path.join("running");
    for entry in fs::read_dir(&running).into_iter().flatten().flatten() {
        let file = entry.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            // A temporary file of a process that was killed. Another shard's may be in use.
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
            let (row, text) = line_of(&order).unwrap_or_else(|| torn(&order));
            results.append(&text)?;
            lines.add(row);
            recovered += 1;
        }
        clean(&order, &file);
    }
    Ok(recovered)
}

/// The line of an attempt whose process was killed before it could write one.
fn torn(order: &TrialOrder) -> (Row, String) {
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
    let row = Row::read(text.as_bytes()).expect("a line of our own can be read");
    (row, text)
}
