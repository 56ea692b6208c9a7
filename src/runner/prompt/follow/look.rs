//! What REST says of a turn.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::Instant;

use super::Follower;
use crate::client::wire::{Activities, Ask, Conversation, Info, Message, is_busy};
use crate::client::{Answer, Cause, Failure};
use crate::runner::conversation::messages::messages_since;
use crate::runner::prompt::watcher::Watcher;
use crate::runner::session::ghosts::is_over;
use crate::runner::session::pending::{Pending, Scene, unlistable};
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::turn::{End, Snapshot};

/// How many ancestors of a conversation are asked for. Sub-agents are nested less deeply, and a
/// server that leads in circles is not followed for ever.
const DEEPEST: usize = 16;

impl Follower<'_> {
    /// Asks REST; `Some` if the turn is over.
    pub(super) fn look(&mut self, watcher: &mut dyn Watcher) -> Answer<Option<End>> {
        if let Some(end) = self.look_at_answer(watcher)? {
            return Ok(Some(end));
        }
        // First what is going on and then the messages: a turn that ends in between looks busy
        // with an end, which is right, and not idle without one.
        let at = Instant::now();
        let activities = self.server.client.activities(&self.place.directory, self.request_limit);
        let activities = activities.map_err(|failure| self.note_trouble(failure));
        let messages = self.newest_messages()?;
        let snapshot = Snapshot { messages: &messages, activities: activities.as_ref().ok(), at };
        let end = self.turn.apply_snapshot(&snapshot, &mut |text| watcher.text(text));
        let (activities, failure) = match activities {
            Ok(activities) => (activities, None),
            Err(failure) => (Activities::new(), Some(failure)),
        };
        let fingerprint = fingerprint(&messages, &activities);
        if fingerprint != self.fingerprint {
            self.fingerprint = fingerprint;
            self.snapshots += 1;
        }
        let is_busy = |id: &str| is_busy(&activities, id);
        let tree_busy = self.turn.descendants().any(is_busy);
        let end = self.settle_tree(end, tree_busy);
        if end.is_some() {
            return Ok(end);
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        if tree_busy || is_busy(&self.place.id) {
            let found = self.find_asks().and_then(|()| self.count_sub_agents());
            found.map_err(|failure| self.note_trouble(failure))?;
        }
        self.trouble = None;
        Ok(None)
    }

    /// The end of a turn whose answer is finished by what events say. The answer speaks for itself,
    /// so one question is enough, and nothing is asked about the status.
    fn look_at_answer(&mut self, watcher: &mut dyn Watcher) -> Answer<Option<End>> {
        if !self.turn.is_ending() || self.turn.descendants().next().is_some() {
            return Ok(None);
        }
        let messages = self.newest_messages()?;
        let snapshot = Snapshot { messages: &messages, activities: None, at: Instant::now() };
        self.turn.learn(&messages);
        if !self.turn.has_finished(&snapshot) {
            return Ok(None);
        }
        let end = self.turn.apply_snapshot(&snapshot, &mut |text| watcher.text(text));
        // The answer may name a sub-agent, which may still be busy.
        if self.turn.descendants().next().is_some() {
            return Ok(None);
        }
        let whole = messages.first().is_some_and(|first| first.info.id == self.turn.id());
        self.whole = whole.then_some(messages);
        Ok(end)
    }

    /// The newest messages from the prompt on.
    pub(super) fn newest_messages(&mut self) -> Answer<Vec<Message>> {
        let is_ours = |info: &Info| self.turn.includes(info);
        let turn = self.turn.id();
        let limit = self.request_limit;
        let found = messages_since(self.server, self.place, turn, Some(&is_ours), limit.into());
        found.map_err(|failure| self.note_trouble(failure))
    }

    /// Remembers why REST cannot be asked, for the message of a limit that is reached meanwhile.
    /// After a silence, later requests get more time.
    fn note_trouble(&mut self, failure: Failure) -> Failure {
        if matches!(failure.cause, Cause::Silent) {
            self.request_limit = (self.request_limit * 2).min(LOOK_LIMIT);
        }
        if self.operation.signals.received().is_none() {
            self.trouble = Some(failure.to_string());
        }
        failure
    }

    /// Takes the pending asks of the tree: the event that named one may have been missed.
    fn find_asks(&mut self) -> Answer<()> {
        let client = &self.server.client;
        let directory = &self.place.directory;
        let Pending { asks: mut permissions, complete } = self.find_permissions()?;
        let mut questions = client.questions(directory, self.request_limit)?;
        // What a turn before this one asked for is still listed if that was aborted.
        let is_known = |id: &str| self.turn.asks.all().any(|ask| ask.id == id);
        let waits = |ask: &dyn Ask| {
            !self.turn.has_passed(ask.message())
                && !is_over(client, directory, ask, self.request_limit.into())
        };
        permissions.retain(|ask| is_known(&ask.id) || waits(ask));
        questions.retain(|ask| is_known(&ask.id) || waits(ask));
        let mut listed = BTreeSet::new();
        for ask in &permissions {
            if self.trace_to_tree(&ask.conversation)? {
                self.turn.asks.add_permission(ask);
                listed.insert(ask.id.clone());
            }
        }
        for ask in &questions {
            if self.trace_to_tree(&ask.conversation)? {
                self.turn.asks.add_question(ask);
                listed.insert(ask.id.clone());
            }
        }
        if !complete {
            listed.extend(self.turn.asks.pending_permissions().map(|ask| ask.id.clone()));
        }
        self.turn.asks.keep_pending(&listed);
        Ok(())
    }

    /// The pending permission requests of the directory. Where the server cannot list them, what
    /// events have told is enough; without any, they are looked for elsewhere.
    fn find_permissions(&mut self) -> Answer<Pending> {
        let (server, directory) = (self.server, &self.place.directory);
        let failure = match server.client.permissions(directory, self.request_limit) {
            Ok(asks) => return Ok(Pending { asks, complete: true }),
            Err(failure) if failure.hides_asks() => failure,
            Err(failure) => return Err(failure),
        };
        if self.turn.asks.pending_permissions().next().is_some() {
            return Ok(Pending::default());
        }
        match Scene::of(server, directory, self.request_limit).otherwise(failure) {
            Err(failure) if failure.hides_asks() => {
                if self.told.insert(failure.request.clone()) {
                    (self.operation.context.say)(&unlistable(server).to_string());
                }
                Err(failure)
            }
            found => found,
        }
    }

    /// Whether a conversation is in the turn's tree. If that is not known, its ancestors are asked
    /// for, and those in the tree are remembered there.
    fn trace_to_tree(&mut self, conversation: &str) -> Answer<bool> {
        let mut line = Vec::new();
        let mut next = Some(conversation.to_string());
        while let Some(id) = next {
            if self.turn.concerns(&id) {
                // From the oldest down, so that each finds its parent in the tree.
                return Ok(line.iter().rev().all(|one| self.turn.join_tree(one)));
            }
            if self.strangers.contains(&id) || line.len() > DEEPEST {
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

    /// Reads the sub-agents' steps, if a limit counts them and where no events tell of them.
    fn count_sub_agents(&mut self) -> Answer<()> {
        // Events tell of them too, also that their streams are cut again and again.
        if !self.budget.counts_sub_agents() && self.stream.is_open() {
            return Ok(());
        }
        let children: Vec<String> = self.turn.descendants().map(String::from).collect();
        for id in children {
            let place = self.place.beside(id);
            for message in messages_since(self.server, &place, "", None, self.request_limit.into())?
            {
                self.turn.add_message_below(&message);
            }
        }
        Ok(())
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
