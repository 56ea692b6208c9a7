//! Asks servers what they are doing. The question goes to all of them before the first answer is
//! read.

use std::time::Duration;

use super::doing::{Doing, doing};
use super::ghosts::is_over;
use super::life::Life;
use super::pending::Scene;
use super::server::{Server, endpoint};
use crate::client::wire::{Activities, Ask, Health, is_busy};
use crate::client::{Answer, Cause, Client, Failure, Held, SILENCE};
use crate::process::{self, Identity};
use crate::store::Record;
use crate::units::{Deadline, PROBE_LIMIT, pause};

/// The least time that one server of many is given: enough for a healthy one.
pub const SMALLEST_SHARE: Duration = Duration::from_millis(20);

/// How many servers are asked at once: together they answer sooner than one after the other. Each
/// takes a descriptor, so there are fewer where the process may open only few.
pub const AT_ONCE: usize = 64;

/// The pause between two looks at which servers have answered.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// What a session is doing. The names are those of opencode-ctl 0.4.0, except for two new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `occtl start` has not finished.
    Starting,
    /// A turn is going on.
    Running,
    /// A turn waits for a permission.
    WaitingPermission,
    /// A turn waits for an answer.
    WaitingQuestion,
    /// Nothing is going on.
    Idle,
    /// The process lives, but the server does not answer.
    Error,
    /// The server lives on another machine, or in another container that shares the store.
    Elsewhere,
    /// The server's process is gone.
    Dead,
}

impl State {
    /// The name as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            State::Starting => "starting",
            State::Running => "running",
            State::WaitingPermission => "waiting_permission",
            State::WaitingQuestion => "waiting_question",
            State::Idle => "idle",
            State::Error => "error",
            State::Elsewhere => "elsewhere",
            State::Dead => "dead",
        }
    }
}

/// What a session is doing, and why that is not known.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What it is doing.
    pub state: State,
    /// Why the server does not answer, in state [`State::Error`].
    pub trouble: Option<String>,
    /// What its busy conversations are doing; `None` if that is not known or was not asked.
    pub doing: Option<Vec<Doing>>,
}

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The state alone.
    State,
    /// What each busy conversation is doing as well.
    Doing,
}

impl Condition {
    /// One that is known without asking.
    pub fn known(state: State) -> Condition {
        Condition { state, trouble: None, doing: None }
    }

    fn error(trouble: String) -> Condition {
        Condition { state: State::Error, trouble: Some(trouble), doing: None }
    }
}

/// The question to one session's server, or the answer where none is needed.
pub enum Probe {
    /// The state is known without asking.
    Known(State),
    /// The server could not be asked, for this reason.
    Failed(String),
    /// The server was asked and has yet to answer.
    Sent(Box<Inquiry>),
}

/// What a server was asked, and where its answer will be.
pub struct Inquiry {
    client: Client,
    process: Option<Identity>,
    directory: String,
    answer: Held<Activities>,
}

impl Probe {
    /// Asks, unless `deadline` is over. Connecting and sending may take `limit`.
    pub fn new(
        record: &Record,
        life: &Life,
        directory: Option<&str>,
        deadline: Deadline,
        limit: Duration,
    ) -> Probe {
        if deadline.expired() {
            return Probe::Failed("no time was left to ask it".into());
        }
        let client = Client::new(endpoint(record, life.server(), deadline.or_after(limit / 2)));
        let directory = directory.unwrap_or("/").to_string();
        // All its answers together, however slowly they come.
        client.limit_to(deadline, None);
        match client.hold_activities(&directory, limit) {
            Ok(answer) => {
                let process = life.server().cloned();
                Probe::Sent(Box::new(Inquiry { client, process, directory, answer }))
            }
            Err(failure) => Probe::Failed(failure.to_string()),
        }
    }

    /// Whether the condition is known without waiting for an answer.
    fn is_ready(&self) -> bool {
        match self {
            Probe::Sent(inquiry) => inquiry.answer.is_ready(Duration::ZERO),
            _ => true,
        }
    }

    /// What the session is doing. A busy server is asked two more questions at most, and in full
    /// detail one more for each busy conversation.
    pub fn condition(self, deadline: Deadline, detail: Detail) -> Condition {
        match self {
            Probe::Known(state) => Condition::known(state),
            Probe::Failed(trouble) => Condition::error(trouble),
            Probe::Sent(inquiry) => match inquiry.condition(deadline, detail) {
                Ok(condition) => condition,
                Err(failure) => Condition::error(failure.to_string()),
            },
        }
    }
}

/// What all these sessions are doing, in their order. Answers are read as they arrive: a silent
/// server must not use up the time of busy ones, which have more questions to answer.
pub fn conditions(probes: Vec<Probe>, deadline: Deadline) -> Vec<Condition> {
    let mut waiting: Vec<Option<Probe>> = probes.into_iter().map(Some).collect();
    let mut conditions: Vec<Option<Condition>> = waiting.iter().map(|_| None).collect();
    while waiting.iter().any(Option::is_some) {
        let mut quiet = true;
        for (probe, condition) in waiting.iter_mut().zip(&mut conditions) {
            let ready = probe.take_if(|probe| deadline.expired() || probe.is_ready());
            if let Some(ready) = ready {
                *condition = Some(ready.condition(deadline, Detail::State));
                quiet = false;
            }
        }
        if quiet {
            pause(LOOK_AGAIN);
        }
    }
    conditions.into_iter().flatten().collect()
}

/// Asks all these servers whether they are there, and gives the failure of each that stays silent.
pub fn silences(servers: &[Server], deadline: Deadline) -> Vec<Option<Failure>> {
    let mut found = Vec::new();
    for group in servers.chunks((process::descriptor_limit() / 4).clamp(1, AT_ONCE)) {
        let asked: Vec<Answer<Held<Health>>> =
            group.iter().map(|server| server.client.hold_health(SILENCE)).collect();
        let answers_by = deadline.or_after(SILENCE);
        // One that refuses is not silent: what it is asked for next says why.
        let silence = |held: Answer<Held<Health>>| match held {
            Ok(held) => held.silence(answers_by),
            Err(failure) => Some(failure).filter(|one| matches!(one.cause, Cause::Silent)),
        };
        found.extend(asked.into_iter().map(silence));
    }
    found
}

impl Inquiry {
    fn condition(self, deadline: Deadline, detail: Detail) -> Answer<Condition> {
        let Inquiry { client, process, directory, answer } = self;
        let limit = || deadline.remaining(PROBE_LIMIT).max(SMALLEST_SHARE);
        let activities = answer.answer_by(deadline)?;
        let scene = Scene {
            client: &client,
            process: process.as_ref(),
            directory: &directory,
            limit: limit().into(),
        };
        let state = state(&scene, &activities, &limit)?;
        let wanted = detail == Detail::Doing;
        let doing = wanted.then(|| doing(&client, &directory, &activities, &|| limit().into()));
        Ok(Condition { doing, ..Condition::known(state) })
    }
}

/// What a server whose conversations are doing this is waiting for.
fn state(scene: &Scene, activities: &Activities, limit: &dyn Fn() -> Duration) -> Answer<State> {
    if activities.values().all(|activity| !activity.is_busy()) {
        return Ok(State::Idle);
    }
    // An ask of an aborted turn stays in the list.
    let waits = |ask: &dyn Ask| {
        is_busy(activities, ask.conversation())
            && !is_over(scene.client, scene.directory, ask, limit().into())
    };
    match scene.permissions() {
        Ok(pending) if !pending.asks.iter().any(|ask| waits(ask)) => {}
        Err(failure) if !failure.hides_asks() => return Err(failure),
        // Something is asked for, also where nothing tells what.
        _ => return Ok(State::WaitingPermission),
    }
    let questions = scene.client.questions(scene.directory, limit())?;
    if questions.iter().any(|ask| waits(ask)) {
        return Ok(State::WaitingQuestion);
    }
    Ok(State::Running)
}
