//! What sessions are doing: `list` and `status`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address;
use super::facts::{SessionFacts, directory_of};
use super::git::{self, PendingStatus, Uncommitted};
use super::labels::{Labels, carries};
use super::life::{Life, life};
use super::probe::{self, Probe, SMALLEST_SHARE, State};
use super::select::select;
use crate::error::Result;
use crate::process;
use crate::runner::context::Context;
use crate::store::Record;
use crate::units::{Deadline, GIT_LIMIT, LIST_LIMIT, PROBE_LIMIT};

/// Servers that are asked at once: together they answer sooner than one after the other. Each takes a
/// descriptor, and where few may be open it is fewer.
const AT_ONCE: usize = 64;

/// A session as it is found now.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// What needs nobody to be asked.
    pub facts: SessionFacts,
    /// What it is doing.
    pub state: State,
    /// Its uncommitted changes.
    pub changes: Uncommitted,
    /// Why the server does not answer, in state [`State::Error`].
    pub trouble: Option<String>,
}

/// All sessions, in the order of the store. Never takes longer than five seconds. The servers are asked
/// together, so that those that answer are not hurt by those that do not.
pub fn list(context: &Context, labels: &Labels) -> Result<Vec<SessionStatus>> {
    let deadline = Deadline::after(LIST_LIMIT);
    let mut records = context.store.read()?.records()?;
    records.retain(|record| carries(&record.labels, labels));
    let lives: Vec<Life> = records.iter().map(life).collect();
    let directories: Vec<Option<String>> =
        records.iter().zip(&lives).map(|(record, life)| directory_of(record, life)).collect();
    // Git works while the servers are asked; several sessions often share one repository.
    let repositories: Vec<Option<PathBuf>> =
        records.iter().zip(&directories).map(|(record, place)| repository(record, place)).collect();
    let mut asked: BTreeMap<&Path, PendingStatus> = BTreeMap::new();
    for place in repositories.iter().flatten() {
        asked.entry(place).or_insert_with(|| git::start_status(place));
    }
    let servers: Vec<_> = records.iter().zip(&lives).zip(&directories).collect();
    let at_once = (process::descriptor_limit() / 4).clamp(1, AT_ONCE);
    let mut left = servers.len();
    let mut states = Vec::new();
    for some in servers.chunks(at_once) {
        // One that takes its time to connect to must not take that of the others.
        let asked: Vec<Probe> = some
            .iter()
            .map(|((record, life), directory)| {
                let share = share(deadline, left);
                left -= 1;
                Probe::new(record, life, directory.as_deref(), deadline, share)
            })
            .collect();
        let answers = Deadline::after(share(deadline, 1 + left.div_ceil(at_once)));
        states.extend(probe::states(asked, answers));
    }
    let git_deadline = deadline.or_after(GIT_LIMIT);
    let changes: BTreeMap<&Path, Uncommitted> =
        asked.into_iter().map(|(place, asked)| (place, asked.wait(git_deadline))).collect();
    let rows = records.iter().zip(&lives).zip(&repositories).zip(states);
    Ok(rows
        .map(|(((record, life), repository), (state, trouble))| SessionStatus {
            facts: SessionFacts::of(context, record, life),
            state,
            changes: repository
                .as_deref()
                .and_then(|place| changes.get(place).cloned())
                .unwrap_or(Uncommitted::Unknown),
            trouble,
        })
        .collect())
}

/// What one of so many is given of the time that is left.
fn share(deadline: Deadline, of: usize) -> Duration {
    let of = u32::try_from(of).unwrap_or(u32::MAX).max(1);
    (deadline.remaining(LIST_LIMIT) / of).clamp(SMALLEST_SHARE, PROBE_LIMIT)
}

/// The repository that a session works in; `None` also where that is on another machine.
fn repository(record: &Record, directory: &Option<String>) -> Option<PathBuf> {
    let here = |url: &String| address::look_up(url).is_some_and(|address| address.is_loopback());
    let local = record.adopted_url.as_ref().is_none_or(here);
    directory.as_deref().filter(|_| local).and_then(|place| git::repository(Path::new(place)))
}

/// One session.
pub fn status(context: &Context, word: &str) -> Result<SessionStatus> {
    let record = select(&context.store.read()?, word)?;
    let life = life(&record);
    let directory = directory_of(&record, &life);
    let asked = repository(&record, &directory).map(|place| git::start_status(&place));
    let limit = Deadline::after(PROBE_LIMIT);
    let asked_server = Probe::new(&record, &life, directory.as_deref(), limit, PROBE_LIMIT);
    let (state, trouble) = asked_server.state(limit);
    let git = Deadline::after(GIT_LIMIT);
    let changes = asked.map_or(Uncommitted::Unknown, |asked| asked.wait(git));
    Ok(SessionStatus { facts: SessionFacts::of(context, &record, &life), state, changes, trouble })
}
