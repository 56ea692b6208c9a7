//! What REST says of a turn.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use super::{Follower, SHORT_AFTERCARE, Watcher};
use crate::client::wire::{Activities, Conversation, Info, Message};
use crate::client::{Answer, Cause, Failure};
use crate::runner::conversation::find::Place;
use crate::runner::conversation::messages::messages_since;
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::turn::{End, Snapshot};
use crate::units::{Backoff, Deadline, POLL_FIRST, TICK, pause};

impl Follower<'_> {
    /// Asks REST; `Some` if the turn is over.
    pub(super) fn look(&mut self, watcher: &mut dyn Watcher) -> Answer<Option<End>> {
        if let Some(end) = self.finished_answer(watcher)? {
            return Ok(Some(end));
        }
        // First what is going on and then the messages: a turn that ends in between looks busy
        // with an end, which is right, and not idle without one.
        let at = Instant::now();
        let told = self.server.client.activities(&self.place.directory, self.request_limit);
        let told = told.map_err(|failure| self.trouble(failure));
        let messages = self.messages()?;
        let snapshot = Snapshot { messages: &messages, activities: told.as_ref().ok(), at };
        let end = self.turn.apply_snapshot(&snapshot, &mut |text| watcher.text(text));
        let (activities, failure) = match told {
            Ok(activities) => (activities, None),
            Err(failure) => (Activities::new(), Some(failure)),
        };
        let fingerprint = fingerprint(&messages, &activities);
        if fingerprint != self.fingerprint {
            self.fingerprint = fingerprint;
            self.rest_progress += 1;
        }
        let busy = |id: &str| activities.get(id).is_some_and(|one| one.is_busy());
        let tree_busy = self.turn.descendants().any(busy);
        let end = self.settled(end, tree_busy);
        if end.is_some() {
            return Ok(end);
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        if tree_busy || busy(&self.place.id) {
            let found = self.find_asks().and_then(|()| self.count_the_tree());
            found.map_err(|failure| self.trouble(failure))?;
        }
        self.trouble = None;
        Ok(None)
    }

    /// The end of a turn of which events have told that its answer is finished. That speaks for itself,
    /// so one question is enough; the status is not asked for.
    fn finished_answer(&mut self, watcher: &mut dyn Watcher) -> Answer<Option<End>> {
        if !self.turn.is_ending() || self.turn.descendants().next().is_some() {
            return Ok(None);
        }
        let messages = self.messages()?;
        let snapshot = Snapshot { messages: &messages, activities: None, at: Instant::now() };
        self.turn.learn(&messages);
        if !self.turn.has_finished(&snapshot) {
            return Ok(None);
        }
        let end = self.turn.apply_snapshot(&snapshot, &mut |text| watcher.text(text));
        if self.turn.descendants().next().is_some() {
            return Ok(None);
        }
        let whole = messages.first().is_some_and(|first| first.info.id == self.turn_id);
        self.whole = whole.then_some(messages);
        Ok(end)
    }

    /// The newest messages from the prompt on.
    pub(super) fn messages(&mut self) -> Answer<Vec<Message>> {
        let owns = |info: &Info| self.turn.includes(info);
        let found =
            messages_since(self.server, self.place, self.turn_id, Some(&owns), self.request_limit);
        found.map_err(|failure| self.trouble(failure))
    }

    /// Remembers why REST cannot be asked, for the message of a limit that is reached meanwhile.
    fn trouble(&mut self, failure: Failure) -> Failure {
        if matches!(failure.cause, Cause::Silent) {
            self.request_limit = (self.request_limit * 2).min(LOOK_LIMIT);
        }
        if self.operation.signals.received().is_none() {
            self.trouble = Some(failure.to_string());
        }
        failure
    }

    /// Takes the pending asks of the tree: an event that told of one may have been missed.
    fn find_asks(&mut self) -> Answer<()> {
        let client = &self.server.client;
        let directory = &self.place.directory;
        let permissions = client.permissions(directory, self.request_limit)?;
        let questions = client.questions(directory, self.request_limit)?;
        let mut listed = std::collections::BTreeSet::new();
        for ask in &permissions {
            if self.belongs(&ask.conversation)? {
                self.turn.asks.add_permission(ask);
                listed.insert(ask.id.as_str());
            }
        }
        for ask in &questions {
            if self.belongs(&ask.conversation)? {
                self.turn.asks.add_question(ask);
                listed.insert(ask.id.as_str());
            }
        }
        self.turn.asks.keep_pending(&listed);
        Ok(())
    }

    /// Whether a conversation is in the turn's tree; asks for its ancestors if that is not known.
    fn belongs(&mut self, conversation: &str) -> Answer<bool> {
        let mut line = Vec::new();
        let mut next = Some(conversation.to_string());
        while let Some(id) = next {
            if self.turn.concerns(&id) {
                // From the oldest down, so that each finds its parent in the tree.
                return Ok(line.iter().rev().all(|one| self.turn.join_tree(one)));
            }
            if self.strangers.contains(&id) || line.len() > 16 {
                break;
            }
            let found: Conversation =
                self.server.client.conversation(&id, &self.place.directory)?;
            next = found.parent.clone();
            line.push(found);
        }
        self.strangers.extend(line.into_iter().map(|one| one.id));
        Ok(false)
    }

    /// Reads the sub-agents' steps where a limit counts them.
    fn count_the_tree(&mut self) -> Answer<()> {
        if !self.watch.counts_the_tree() {
            return Ok(());
        }
        let children: Vec<String> = self.turn.descendants().map(String::from).collect();
        for id in children {
            let place = Place { id, directory: self.place.directory.clone() };
            for message in messages_since(self.server, &place, "", None, self.request_limit)? {
                self.turn.add_step_below(&message.info);
            }
        }
        Ok(())
    }

    /// All messages of the turn, and how long may still be asked for more. A server that no longer
    /// tells leaves what the turn knows of its steps, and nothing to ask for.
    pub(super) fn whole_turn(&mut self, closing: Deadline) -> (Vec<Message>, Deadline) {
        let silent = self.trouble.is_some();
        let deadline = if silent { closing.or_after(SHORT_AFTERCARE) } else { closing };
        let mut pauses = Backoff::new(POLL_FIRST, TICK);
        let mut seen = self.whole.take();
        loop {
            let limit = deadline.remaining(LOOK_LIMIT);
            let ask = || messages_since(self.server, self.place, self.turn_id, None, limit);
            match seen.take().map_or_else(ask, Ok) {
                Ok(mut messages) => {
                    self.turn.learn(&messages);
                    messages.retain(|one| self.turn.includes(&one.info));
                    return (messages, deadline);
                }
                Err(failure)
                    if !deadline.expired() && failure.is_passing() && self.server.lives() =>
                {
                    pause(deadline.remaining(pauses.next()));
                }
                Err(_) => break,
            }
        }
        let steps = self.turn.steps().cloned();
        let messages = steps.map(|info| Message { info, parts: Vec::new() }).collect();
        (messages, Deadline::after(Duration::ZERO))
    }
}

/// A number that changes whenever REST shows something new.
fn fingerprint(messages: &[Message], activities: &Activities) -> u64 {
    let mut hasher = DefaultHasher::new();
    for message in messages {
        message.info.id.hash(&mut hasher);
        message.info.time.completed.is_some().hash(&mut hasher);
        for part in &message.parts {
            (&part.id, &part.state.status, part.text.len()).hash(&mut hasher);
        }
    }
    for (id, activity) in activities {
        (id, &activity.kind, activity.attempt.map(f64::to_bits)).hash(&mut hasher);
    }
    hasher.finish()
}
