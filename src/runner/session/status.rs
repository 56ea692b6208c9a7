//! What sessions are doing: `list` and `status`.

use std::path::Path;
use std::time::Duration;

use super::address;
use super::changes::{Changes, is_git_wanted};
use super::directory::known_directory;
use super::doing::Doing;
use super::facts::SessionFacts;
use super::git::Uncommitted;
use super::labels::{Labels, has_labels};
use super::life::{Life, life};
use super::probe::{self, AT_ONCE, Condition, Detail, Probe, SMALLEST_SHARE, State};
use super::select::select;
use crate::error::Result;
use crate::process;
use crate::runner::context::Context;
use crate::sorting;
use crate::store::Record;
use crate::units::{Deadline, GIT_LIMIT, LIST_LIMIT, PROBE_LIMIT};

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
    /// What its busy conversations are doing; `None` if that is not known, and for rows of `list`.
    pub doing: Option<Vec<Doing>>,
}

/// All sessions that have these labels, in the order of the store. Never takes longer than five
/// seconds. The servers are asked together, so that one that does not answer takes no time from
/// those that do.
pub fn list(context: &Context, labels: &Labels, no_git: bool) -> Result<Vec<SessionStatus>> {
    let deadline = Deadline::after(LIST_LIMIT);
    let git = is_git_wanted(context, no_git)?;
    let mut records = context.store.read()?.records()?;
    records.retain(|record| has_labels(&record.labels, labels));
    let sessions: Vec<Session> =
        records.into_iter().map(|record| Session::of(context, record)).collect();
    // Git works while the servers are asked. Several sessions often share one directory.
    let directories = sessions.iter().filter_map(Session::directory_here).filter(|_| git);
    let changes = Changes::start(directories);
    let conditions = conditions(&sessions, deadline);
    let changes = changes.wait(deadline);
    let rows = sessions.iter().zip(conditions).map(|(session, condition)| {
        let changes = session.directory_here().and_then(|directory| changes.get(directory));
        session.status(context, condition, changes.cloned().unwrap_or(Uncommitted::Unknown))
    });
    Ok(rows.collect())
}

/// One session.
pub fn status(context: &Context, word: &str, no_git: bool) -> Result<SessionStatus> {
    let git = is_git_wanted(context, no_git)?;
    let session = Session::of(context, select(context, &context.store.read()?, word)?);
    let pending = Changes::start(session.directory_here().filter(|_| git).into_iter());
    let deadline = Deadline::after(PROBE_LIMIT);
    let condition = session.probe(deadline, PROBE_LIMIT).condition(deadline, Detail::Doing);
    let changes = pending.wait(Deadline::after(GIT_LIMIT)).into_values().next();
    Ok(session.status(context, condition, changes.unwrap_or(Uncommitted::Unknown)))
}

/// What all these sessions are doing, in their order.
fn conditions(sessions: &[Session], deadline: Deadline) -> Vec<Condition> {
    let at_once = (process::descriptor_limit() / 4).clamp(1, AT_ONCE);
    // A look-up of a name may take all the time that there is, so those come last.
    let (named, plain): (Vec<_>, Vec<_>) =
        (0..sessions.len()).partition(|number| sessions[*number].has_name());
    let mut sessions_left = sessions.len();
    let mut conditions: Vec<(usize, Condition)> = Vec::new();
    let groups = plain.chunks(at_once).chain(named.chunks(at_once));
    for group in groups {
        let mut probes = Vec::new();
        for number in group {
            // A server that is slow to accept a connection must not use up the time of the others.
            let limit = share(deadline, sessions_left);
            sessions_left -= 1;
            probes.push(sessions[*number].probe(deadline, limit));
        }
        let groups_left = 1 + sessions_left.div_ceil(at_once);
        let answers_by = Deadline::after(share(deadline, groups_left));
        conditions.extend(group.iter().copied().zip(probe::conditions(probes, answers_by)));
    }
    sorting::sort_by_key(&mut conditions, |(number, _)| *number);
    conditions.into_iter().map(|(_, condition)| condition).collect()
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
}

impl Session {
    fn of(context: &Context, record: Record) -> Session {
        let life = life(context, &record);
        let directory = known_directory(&record, &life);
        Session { record, life, directory }
    }

    /// Where its server works, if that is on this machine. Nothing here looks at the directory: the
    /// look would never end on a dead network mount.
    fn directory_here(&self) -> Option<&Path> {
        let is_here = |url: &String| address::is_on_loopback(url);
        let local =
            self.life != Life::Elsewhere && self.record.adopted_url.as_ref().is_none_or(is_here);
        self.directory.as_deref().filter(|_| local).map(Path::new)
    }

    /// Whether its host is only known by a name.
    fn has_name(&self) -> bool {
        let url = self.record.adopted_url.as_ref();
        url.is_some_and(|url| address::without_look_up(url).is_empty())
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
            doing: condition.doing,
        }
    }
}
