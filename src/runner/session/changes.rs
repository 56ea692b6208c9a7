//! The uncommitted changes of many directories, with few gits at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::git::{self, Settings, Uncommitted};
use crate::error::{Error, Result};
use crate::process;
use crate::runner::context::Context;
use crate::sorting;
use crate::units::{Deadline, GIT_LIMIT, LIST_LIMIT};

/// How many gits run at once. More are no faster, and each takes descriptors, so there are fewer
/// where the process may open only few.
const AT_ONCE: usize = 8;

/// How long the settings of all these directories may take; a git needs 3 ms. A directory on a dead
/// network mount takes as long, and the others wait with it.
const SETTINGS_LIMIT: Duration = Duration::from_millis(500);

/// Whether git is asked: not with `--no-git`, and not with `OCCTL_GIT=off`.
pub fn is_git_wanted(context: &Context, no_git: bool) -> Result<bool> {
    match context.environment.get("OCCTL_GIT").map(|value| value.to_str()) {
        None | Some(Some("on")) => Ok(!no_git),
        Some(Some("off")) => Ok(false),
        Some(_) => {
            Err(Error::usage("OCCTL_GIT is neither on nor off").hint("off leaves git out of lists"))
        }
    }
}

/// Directories that git is asked about while the caller does something else.
pub struct Changes<'a> {
    running: Vec<(&'a Path, Settings)>,
    waiting: Vec<&'a Path>,
}

impl<'a> Changes<'a> {
    /// Starts the first gits.
    pub fn start(directories: impl Iterator<Item = &'a Path>) -> Changes<'a> {
        let once = sorting::set(directories);
        let mut waiting: Vec<&Path> = once.into_iter().collect();
        let first = waiting.drain(..waiting.len().min(at_once()));
        let running = first.map(|directory| (directory, git::start(directory))).collect();
        Changes { running, waiting }
    }

    /// What git says of all of them until the deadline.
    pub fn wait(self, deadline: Deadline) -> BTreeMap<&'a Path, Uncommitted> {
        let mut known = BTreeMap::new();
        let mut running = self.running;
        let mut rest = self.waiting.chunks(at_once());
        let mut left = 1 + rest.len();
        while !running.is_empty() {
            // A directory that git cannot finish takes no time from those of the next chunks.
            let share = deadline.remaining(LIST_LIMIT) / u32::try_from(left).unwrap_or(u32::MAX);
            let answers_by = Deadline::after(share.min(GIT_LIMIT));
            let settings_by = answers_by.or_after(SETTINGS_LIMIT.min(share / 2));
            let asked: Vec<_> = running
                .into_iter()
                .map(|(directory, settings)| (directory, settings.start_status(settings_by)))
                .collect();
            known.extend(asked.into_iter().map(|(place, status)| (place, status.wait(answers_by))));
            // To start a git takes time as well.
            let next = rest.next().filter(|_| !deadline.expired()).unwrap_or_default();
            running = next.iter().map(|directory| (*directory, git::start(directory))).collect();
            left -= 1;
        }
        known
    }
}

fn at_once() -> usize {
    (process::descriptor_limit() / 16).clamp(1, AT_ONCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_git_is_started_once_the_time_is_over() {
        let places: Vec<String> = (0..100).map(|number| format!("/nowhere/{number}")).collect();
        let changes = Changes::start(places.iter().map(Path::new));
        assert!(changes.wait(Deadline::after(Duration::ZERO)).len() <= AT_ONCE);
    }
}
