//! What sessions are doing: `list` and `status`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::address;
use super::facts::{SessionFacts, known_directory};
use super::git::{self, PendingStatus, Uncommitted};
use super::labels::{Labels, has_labels};
use super::life::{Life, life};
use super::probe::{self, Condition, Probe, SMALLEST_SHARE, State};
use super::select::select;
use crate::error::Result;
use crate::process;
use crate::runner::context::Context;
use crate::store::Record;
use crate::units::{Deadline, GIT_LIMIT, LIST_LIMIT, PROBE_LIMIT};

/// How many servers are asked at once: together they answer sooner than one after the other. Each
/// takes a descriptor, so there are fewer where the process may open only few.
const AT_ONCE: usize = 64;

/// A session as it is found now.
#[derive(Clone, Debug)]
pub struct SessionStatus {
    /// What is known without asking its server.
    pub facts: SessionFacts,
    /// What it is doing.
    pub state: State,
    /// Its uncommitted changes.
    pub changes: Uncommitted,
    /// Why the server does not answer, in state [`State::Error`].
    pub trouble: Option<String>,
}

/// All sessions that have these labels, in the order of the store. Never takes longer than five
/// seconds. The servers are asked together, so that one that does not answer takes no time from
/// those that do.
pub fn list(context: &Context, labels: &Labels) -> Result<Vec<SessionStatus>> {
    let deadline = Deadline::after(LIST_LIMIT);
    let mut records = context.store.read()?.records()?;
    records.retain(|record| has_labels(&record.labels, labels));
    let sessions: Vec<Session> =
        records.into_iter().map(|record| Session::of(context, record)).collect();
    // Git works while the servers are asked. Several sessions often share one repository.
    let mut pending: BTreeMap<&Path, PendingStatus> = BTreeMap::new();
    for repository in sessions.iter().filter_map(|session| session.repository.as_deref()) {
        pending.entry(repository).or_insert_with(|| git::start_status(repository));
    }
    let conditions = conditions(&sessions, deadline);
    let git_deadline = deadline.or_after(GIT_LIMIT);
    let mut changes: BTreeMap<&Path, Uncommitted> = BTreeMap::new();
    for (repository, status) in pending {
        changes.insert(repository, status.wait(git_deadline));
    }
    let rows = sessions.iter().zip(conditions).map(|(session, condition)| {
        let repository = session.repository.as_deref();
        let changes = repository.and_then(|repository| changes.get(repository));
        session.status(context, condition, changes.cloned().unwrap_or(Uncommitted::Unknown))
    });
    Ok(rows.collect())
}

/// One session.
pub fn status(context: &Context, word: &str) -> Result<SessionStatus> {
    let session = Session::of(context, select(&context.store.read()?, word)?);
    let pending = session.repository.as_deref().map(git::start_status);
    let deadline = Deadline::after(PROBE_LIMIT);
    let condition = session.probe(deadline, PROBE_LIMIT).condition(deadline);
    let git_deadline = Deadline::after(GIT_LIMIT);
    let changes = pending.map_or(Uncommitted::Unknown, |status| status.wait(git_deadline));
    Ok(session.status(context, condition, changes))
}

/// What all these sessions are doing, in their order.
fn conditions(sessions: &[Session], deadline: Deadline) -> Vec<Condition> {
    let at_once = (process::descriptor_limit() / 4).clamp(1, AT_ONCE);
    let mut sessions_left = sessions.len();
    let mut conditions = Vec::new();
    for group in sessions.chunks(at_once) {
        let mut probes = Vec::new();
        for session in group {
            // A server that is slow to accept a connection must not use up the time of the others.
            let limit = share(deadline, sessions_left);
            sessions_left -= 1;
            probes.push(session.probe(deadline, limit));
        }
        let groups_left = 1 + sessions_left.div_ceil(at_once);
        let answers_by = Deadline::after(share(deadline, groups_left));
        conditions.extend(probe::conditions(probes, answers_by));
    }
    conditions
}

/// The part of the time left for each of `count`, which come one after the other.
fn share(deadline: Deadline, count: usize) -> Duration {
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    (deadline.remaining(LIST_LIMIT) / count).clamp(SMALLEST_SHARE, PROBE_LIMIT)
}

/// A session before its server or git was asked.
struct Session {
    record: Record,
    life: Life,
    /// Where the server works, if that is known.
    directory: Option<String>,
    /// The repository that it works in; `None` also if the server is on another machine.
    repository: Option<PathBuf>,
}

impl Session {
    fn of(context: &Context, record: Record) -> Session {
        let life = life(context, &record);
        let directory = known_directory(&record, &life);
        let is_here =
            |url: &String| address::look_up(url).is_some_and(|address| address.is_loopback());
        let local = life != Life::Elsewhere && record.adopted_url.as_ref().is_none_or(is_here);
        let here = directory.as_deref().filter(|_| local);
        let repository = here.map(PathBuf::from);
        Session { record, life, directory, repository }
    }

    fn probe(&self, deadline: Deadline, limit: Duration) -> Probe {
        Probe::new(&self.record, &self.life, self.directory.as_deref(), deadline, limit)
    }

    fn status(
        &self,
        context: &Context,
        condition: Condition,
        changes: Uncommitted,
    ) -> SessionStatus {
        SessionStatus {
            facts: SessionFacts::of(context, &self.record, &self.life),
            state: condition.state,
            changes,
            trouble: condition.trouble,
        }
    }
}
