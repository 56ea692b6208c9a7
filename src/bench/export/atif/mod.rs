//! Trajectories in ATIF 1.7, Harbor's format: every step of an agent, with its sub-agents inside.
//!
//! A transcript is read twice: first for what conversations it has and where, and then each of them
//! when its turn comes. So no more than one message is in memory, although sub-agents are nested in
//! a trajectory and follow each other in a transcript.

mod step;
mod tree;
mod write;

use super::folder::NewFolder;
use super::taken::{Lack, Made, Taken};
use crate::bench::results::stored::TRANSCRIPT;
use crate::error::{Error, Result};
use tree::Outline;
use write::Writer;

/// Writes the trajectory of a run as `ARM/TASK.REPEAT.json`.
pub fn file(taken: &Taken, folder: &NewFolder) -> Result<std::result::Result<Made, Lack>> {
    let name = format!("{}/{}.{}.json", taken.arm.id, taken.task.id, taken.run.repeat);
    let notes = trajectory(taken, folder, &name)?;
    Ok(notes.map(|notes| Made { file: name, notes }))
}

/// Writes the trajectory of a run, and returns what is missing of it, in words.
pub fn trajectory(
    taken: &Taken,
    folder: &NewFolder,
    name: &str,
) -> Result<std::result::Result<Vec<String>, Lack>> {
    let Some(stored) = &taken.stored else { return Ok(Err(Lack::NoTranscript)) };
    let open = || stored.open(TRANSCRIPT).map(|(file, _)| file);
    let Some(file) = open() else { return Ok(Err(Lack::NoTranscript)) };
    let unreadable = |error| {
        Error::failed(format!("cannot read {}: {error}", stored.path(TRANSCRIPT).display()))
    };
    let turn = stored.document("turn.json");
    let outline = Outline::read(file, turn["conversation"].as_str()).map_err(unreadable)?;
    let (Some(outline), Some(file)) = (outline, open()) else {
        return Ok(Err(Lack::NoMessages));
    };
    let mut out = folder.file(name)?;
    let mut writer = Writer::new(taken, &outline, file, &mut out);
    writer.write(outline.root, 0)?;
    let notes = writer.notes();
    out.write("\n")?;
    out.finish()?;
    Ok(Ok(notes))
}
