//! Asks servers what they are doing: the question goes to all of them before the first answer is read.

use std::time::Duration;

use super::life::Life;
use super::server::endpoint;
use super::timeouts::capped;
use crate::client::wire::Activities;
use crate::client::{Answer, Client, Held};
use crate::store::Record;
use crate::units::{Deadline, PROBE_LIMIT, pause};

/// The least that one server of many is given: enough for one that is well.
pub const SMALLEST_SHARE: Duration = Duration::from_millis(20);

/// How often it is looked who has answered.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// What a session is doing. The names are those of opencode-ctl 0.4.0, and two new ones.
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
    /// The process lives, the server does not answer.
    Error,
    /// There is no process.
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
            State::Dead => "dead",
        }
    }
}

/// A session whose server was asked, if it has one.
pub enum Probe {
    /// Nobody need be asked.
    Known(State),
    /// Nothing could be asked, and why.
    Failed(String),
    /// It owes an answer.
    Sent(Box<Inquiry>),
}

/// What a server was asked.
pub struct Inquiry {
    client: Client,
    directory: String,
    answer: Held<Activities>,
}

impl Probe {
    /// Asks, if `deadline` is not over; to connect and to ask may take `limit`.
    pub fn new(
        record: &Record,
        life: &Life,
        directory: Option<&str>,
        deadline: Deadline,
        limit: Duration,
    ) -> Probe {
        match life {
            Life::Starting => return Probe::Known(State::Starting),
            Life::Dead => return Probe::Known(State::Dead),
            Life::Alive(_) | Life::Adopted => {}
        }
        if deadline.expired() {
            return Probe::Failed("no time was left to ask it".into());
        }
        let client = Client::new(endpoint(record, life.server()));
        let directory = directory.unwrap_or("/").to_string();
        match client.hold_activities(&directory, limit) {
            Ok(answer) => Probe::Sent(Box::new(Inquiry { client, directory, answer })),
            Err(failure) => Probe::Failed(failure.to_string()),
        }
    }

    /// Whether nothing need be waited for to know what it is doing.
    fn ready(&self) -> bool {
        match self {
            Probe::Sent(question) => question.answer.is_ready(Duration::ZERO),
            _ => true,
        }
    }

    /// What it is doing, and what is wrong in state [`State::Error`]. A server that is busy is asked twice more
    /// at most.
    pub fn state(self, deadline: Deadline) -> (State, Option<String>) {
        let found = match self {
            Probe::Known(state) => return (state, None),
            Probe::Failed(why) => Err(why),
            Probe::Sent(question) => question.state(deadline).map_err(|why| why.to_string()),
        };
        found.map_or_else(|why| (State::Error, Some(why)), |state| (state, None))
    }
}

/// What all of them are doing. Who answers first is heard first: one that is silent must not take the time of
/// those that have more to be asked.
pub fn states(asked: Vec<Probe>, deadline: Deadline) -> Vec<(State, Option<String>)> {
    let mut owed: Vec<Option<Probe>> = asked.into_iter().map(Some).collect();
    let mut states: Vec<_> = owed.iter().map(|_| (State::Error, None)).collect();
    while owed.iter().any(Option::is_some) {
        let mut quiet = true;
        for (one, state) in owed.iter_mut().zip(&mut states) {
            if let Some(ready) = one.take_if(|one| deadline.expired() || one.ready()) {
                *state = ready.state(deadline);
                quiet = false;
            }
        }
        if quiet {
            pause(LOOK_AGAIN);
        }
    }
    states
}

impl Inquiry {
    fn state(self, deadline: Deadline) -> Answer<State> {
        let left = || capped(deadline.remaining(PROBE_LIMIT), PROBE_LIMIT).max(SMALLEST_SHARE);
        let activities = self.answer.answer_by(deadline)?;
        // An ask of an aborted turn stays in the list; only a busy conversation waits for one.
        let waits = |conversation: &str| activities.get(conversation).is_some_and(|a| a.busy());
        if activities.values().all(|activity| !activity.busy()) {
            return Ok(State::Idle);
        }
        let directory = &self.directory;
        let permissions = self.client.permissions(directory, left())?;
        if permissions.iter().any(|ask| waits(&ask.conversation)) {
            return Ok(State::WaitingPermission);
        }
        let questions = self.client.questions(directory, left())?;
        if questions.iter().any(|ask| waits(&ask.conversation)) {
            return Ok(State::WaitingQuestion);
        }
        Ok(State::Running)
    }
}
