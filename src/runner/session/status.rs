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
use crate::store::{Document, Record};
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

/// All sessions of a store as they were found. Their records are read anew when they are shown,
/// because thousands of them need more memory than anything else does.
pub struct Listing<'a> {
    context: &'a Context,
    document: Document,
    sessions: Vec<Session>,
    conditions: Vec<Condition>,
    changes: Vec<Uncommitted>,
}

impl Listing<'_> {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// Calls `take` with one after the other, in the order of the store.
    pub fn each(&self, take: &mut dyn FnMut(SessionStatus) -> Result<()>) -> Result<()> {
        let found = self.sessions.iter().zip(&self.conditions).zip(&self.changes);
        for ((session, condition), changes) in found {
            if let Some(record) = self.document.record_at(session.place)? {
                let facts = SessionFacts::of(self.context, &record, &session.life);
                take(SessionStatus::new(facts, condition.clone(), changes.clone()))?;
            }
        }
        Ok(())
    }
}

/// All sessions that have these labels, in the order of the store. Never takes longer than five
/// seconds. The servers are asked together, so that one that does not answer takes no time from
/// those that do.
pub fn list<'a>(context: &'a Context, labels: &Labels, no_git: bool) -> Result<Listing<'a>> {
    let deadline = Deadline::after(LIST_LIMIT);
    let git = is_git_wanted(context, no_git)?;
    let document = context.store.read()?;
    let mut sessions = Vec::new();
    for (place, record) in document.records().enumerate() {
        let record = record?;
        if has_labels(&record.labels, labels) {
            sessions.push(Session::of(context, record, place));
        }
    }
    // Git works while the servers are asked. Several sessions often share one directory.
    let directories = sessions.iter().filter_map(Session::directory_here).filter(|_| git);
    let changes = Changes::start(directories);
    let conditions = conditions(&sessions, deadline);
    let changes = changes.wait(deadline);
    let of = |session: &Session| changes.get(session.directory_here()?).cloned();
    let changes =
        sessions.iter().map(|session| of(session).unwrap_or(Uncommitted::Unknown)).collect();
    Ok(Listing { context, document, sessions, conditions, changes })
}

/// One session.
pub fn status(context: &Context, word: &str, no_git: bool) -> Result<SessionStatus> {
    let git = is_git_wanted(context, no_git)?;
    let record = select(context, &context.store.read()?, word)?;
    let session = Session::of(context, record.clone(), 0);
    let pending = Changes::start(session.directory_here().filter(|_| git).into_iter());
    let deadline = Deadline::after(PROBE_LIMIT);
    let condition = session.probe(deadline, PROBE_LIMIT).condition(deadline, Detail::Doing);
    let changes = pending.wait(Deadline::after(GIT_LIMIT)).into_values().next();
    let facts = SessionFacts::of(context, &record, &session.life);
    Ok(SessionStatus::new(facts, condition, changes.unwrap_or(Uncommitted::Unknown)))
}

/// What all these sessions are doing, in their order.
fn conditions(sessions: &[Session], deadline: Deadline) -> Vec<Condition> {
    let at_once = (process::descriptor_limit() / 4).clamp(1, AT_ONCE);
    let mut conditions: Vec<Condition> =
        sessions.iter().map(|session| Condition::known(session.unasked())).collect();
    // A look-up of a name may take all the time that there is, so those come last.
    let asked = (0..sessions.len()).filter(|number| sessions[*number].asked.is_some());
    let (named, plain): (Vec<_>, Vec<_>) = asked.partition(|number| sessions[*number].has_name());
    let mut sessions_left = named.len() + plain.len();
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
        for (number, condition) in group.iter().zip(probe::conditions(probes, answers_by)) {
            conditions[*number] = condition;
        }
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
    /// Its place in the order of the store.
    place: usize,
    life: Life,
    /// Where the server works, if that is known.
    directory: Option<String>,
    is_here: bool,
    /// What is needed to ask its server, if there is one that can be asked.
    asked: Option<Box<Record>>,
}

impl Session {
    fn of(context: &Context, record: Record, place: usize) -> Session {
        let life = life(context, &record);
        let directory = known_directory(&record, &life);
        let is_local = |url: &String| address::is_on_loopback(url);
        let is_here = life != Life::Elsewhere && record.adopted_url.as_ref().is_none_or(is_local);
        let asked = matches!(life, Life::Alive(_) | Life::Adopted).then(|| Box::new(record));
        Session { place, life, directory, is_here, asked }
    }

    /// Where its server works, if that is on this machine. Nothing here looks at the directory: the
    /// look would never end on a dead network mount.
    fn directory_here(&self) -> Option<&Path> {
        self.directory.as_deref().filter(|_| self.is_here).map(Path::new)
    }

    /// Whether its host is only known by a name.
    fn has_name(&self) -> bool {
        let url = self.asked.as_ref().and_then(|record| record.adopted_url.as_ref());
        url.is_some_and(|url| address::without_look_up(url).is_empty())
    }

    /// Its state as long as its server was not asked.
    fn unasked(&self) -> State {
        match self.life {
            Life::Starting => State::Starting,
            Life::Dead => State::Dead,
            Life::Elsewhere => State::Elsewhere,
            Life::Alive(_) | Life::Adopted => State::Error,
        }
    }

    fn probe(&self, deadline: Deadline, limit: Duration) -> Probe {
        match &self.asked {
            Some(record) => {
                Probe::new(record, &self.life, self.directory.as_deref(), deadline, limit)
            }
            None => Probe::Known(self.unasked()),
        }
    }
}

impl SessionStatus {
    fn new(facts: SessionFacts, condition: Condition, changes: Uncommitted) -> SessionStatus {
        let Condition { state, trouble, doing } = condition;
        SessionStatus { facts, state, changes, trouble, doing }
    }
}
