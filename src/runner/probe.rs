//! Asks servers what they are doing: the question goes to all of them before the first answer is read.

use std::time::Duration;

use super::server::{Life, capped, endpoint};
use super::state::State;
use crate::client::wire::Activities;
use crate::client::{Client, Failure, Held};
use crate::store::Record;
use crate::units::{Deadline, PROBE_LIMIT};

/// The least that one server of many is given: enough for one that is well.
pub const SMALLEST_SHARE: Duration = Duration::from_millis(20);

/// A session whose server was asked, if it has one.
pub enum Asked {
    /// Nobody need be asked.
    Known(State),
    /// Nothing could be asked, and why.
    Failed(String),
    /// It owes an answer.
    Server(Box<Question>),
}

/// What a server was asked.
pub struct Question {
    client: Client,
    directory: String,
    answer: Held<Activities>,
}

impl Asked {
    /// Asks, if `deadline` is not over; to connect and to ask may take `limit`.
    pub fn new(
        record: &Record,
        life: &Life,
        directory: Option<&str>,
        deadline: Deadline,
        limit: Duration,
    ) -> Asked {
        match life {
            Life::Starting => return Asked::Known(State::Starting),
            Life::Dead => return Asked::Known(State::Dead),
            Life::Alive(_) | Life::Adopted => {}
        }
        if deadline.expired() {
            return Asked::Failed("no time was left to ask it".into());
        }
        let client = Client::new(endpoint(record, life.server()));
        let directory = directory.unwrap_or("/").to_string();
        match client.hold_activities(&directory, limit) {
            Ok(answer) => Asked::Server(Box::new(Question { client, directory, answer })),
            Err(failure) => Asked::Failed(failure.to_string()),
        }
    }

    /// What it is doing, and what is wrong in state [`State::Error`]. A server that is busy is asked twice more
    /// at most.
    pub fn state(self, deadline: Deadline) -> (State, Option<String>) {
        let found = match self {
            Asked::Known(state) => return (state, None),
            Asked::Failed(why) => Err(why),
            Asked::Server(question) => question.state(deadline).map_err(|why| why.to_string()),
        };
        found.map_or_else(|why| (State::Error, Some(why)), |state| (state, None))
    }
}

impl Question {
    fn state(self, deadline: Deadline) -> Result<State, Failure> {
        let left = || capped(deadline.remaining(PROBE_LIMIT), PROBE_LIMIT).max(SMALLEST_SHARE);
        let activities = self.answer.answer(left())?;
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
