//! Lets the model summarise a conversation, which goes on with the summary: `compact`.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;

use super::check::{Names, check, default_model};
use super::finished::Finished;
use super::follow::{Followed, Follower, tell_end};
use super::options::Follow;
use super::workplace::check_workplace;
use crate::client::wire::{Message, ModelName};
use crate::client::{Answer, Held, Limit};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::{Place, Target, gone, target_place};
use crate::runner::conversation::work::{refuse_work, refused};
use crate::runner::session::operation::Operation;
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::sorting;
use crate::units::{Backoff, Deadline, POLL_FIRST, pause};

/// Among how many of the newest messages the request for the summary is looked for.
const NEWEST: usize = 8;

/// The longest pause between two looks for it.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// The agent that writes summaries.
const SUMMARISING: &str = "compaction";

/// How long after the server's answer to the request its message may be missing.
const STORED_WITHIN: Duration = Duration::from_secs(2);

/// Lets the model summarise a conversation and follows that to its end. The summary is an answer
/// like any other, to a message that the server writes itself. By default it is made by the model
/// of the newest answer.
pub fn compact(
    context: &Context,
    word: &str,
    target: &Target,
    model: Option<&ModelName>,
    follow: Follow,
) -> Result<Finished> {
    let operation = follow.terms.limits.begin(context, word)?;
    let server = &operation.server;
    let explain = |error| operation.explain(error);
    let place = target_place(context, server, target).map_err(explain)?;
    let before =
        newest(server, &place).map_err(|failure| explain(gone(server, &place, failure)))?;
    let own = before.iter().rev().find_map(model_of);
    let own = own.or_else(|| default_model(server, &place.directory));
    if before.is_empty() {
        return Err(Error::failed(format!("conversation {} has nothing to compact", place.id))
            .hint(format!("occtl send {} -s {} MESSAGE begins it", server.record.id, place.id)));
    }
    let Some(model) = model.cloned().or(own) else {
        return Err(Error::failed(format!("the model of conversation {} is not known", place.id))
            .hint("-m PROVIDER/MODEL names one"));
    };
    check_workplace(server, &place.directory)?;
    let names = Names { agent: None, model: Some(model.clone()), variant: None };
    check(server, &place.directory, &names).map_err(explain)?;
    refuse_work(context, server, &place, "compacted").map_err(explain)?;
    server.note_use(context, None);
    let known = sorting::set(before.into_iter().map(|message| message.info.id));
    let (turn, held) = begin(&operation, &place, &model, &known).map_err(explain)?;
    operation.signals.set_fatal(false);
    let follower = Follower::prepare(&operation, &place, &turn, &follow.terms).joined();
    let Followed { record, given_up, .. } = follower.follow(follow.watcher)?;
    // Until then the server must not take its client for gone.
    drop(held);
    tell_end(context, &follow.terms, &record);
    Ok(Finished { record, raw: None, session_remains: true, given_up })
}

/// Asks the server for the summary; the id of the message that asks the model for it. The request
/// itself is answered when the summary is there.
fn begin(
    operation: &Operation,
    place: &Place,
    model: &ModelName,
    known: &BTreeSet<String>,
) -> Result<(String, Held<IgnoredAny>)> {
    let server = &operation.server;
    let held = server.client.hold_summary(&place.id, &place.directory, model)?;
    let mut pauses = Backoff::new(POLL_FIRST, LONGEST_PAUSE);
    let mut answered: Option<Instant> = None;
    loop {
        let is_over = held.is_ready(Duration::ZERO);
        let found = newest(server, place);
        if let Some(turn) = found.iter().flatten().rev().find_map(|one| request(one, known)) {
            return Ok((turn, held));
        }
        let waited = is_over.then(|| answered.get_or_insert_with(Instant::now).elapsed());
        let ended = operation.signals.received().is_some() || operation.deadline.expired();
        if waited.is_some_and(|waited| waited >= STORED_WITHIN) {
            let answer = held.answer(LOOK_LIMIT);
            answer.map_err(|failure| refused(server, place, failure, "compact conversations"))?;
            let what = format!("the server stored no request to compact {}", place.id);
            return Err(Error::new(Code::TurnFailed, what));
        }
        if ended {
            // What comes of the request is not known, so nothing may come of it. The limit or the
            // signal must not keep that from being said.
            server.client.limit_to(Deadline::after(LOOK_LIMIT), None);
            let _ = server.client.abort(&place.id, &place.directory, LOOK_LIMIT);
            return Err(Error::silent(format!("the server did not begin to compact {}", place.id)));
        }
        if let Some(error) = server.ended() {
            return Err(error);
        }
        pause(pauses.next());
    }
}

/// The newest messages, oldest first. A prompt that the server cannot show is passed over.
fn newest(server: &Server, place: &Place) -> Answer<Vec<Message>> {
    let read = |count| {
        let mut pages = server.client.pages(&place.id, &place.directory, Limit::Ordinary);
        pages.next(count).map(Option::unwrap_or_default)
    };
    match read(NEWEST) {
        Err(failure) if failure.is_unreadable() => read(1),
        read => read,
    }
}

/// The message that asks the model for a summary and was not there before, if this is it or answers
/// it: where a prompt with a schema is near, only the newest message can be read.
fn request(message: &Message, known: &BTreeSet<String>) -> Option<String> {
    let info = &message.info;
    if known.contains(&info.id) {
        return None;
    }
    let asks = message.parts.iter().any(|part| part.kind == "compaction");
    let answers = info.agent.as_deref() == Some(SUMMARISING);
    let parent = info.parent.clone().filter(|_| answers);
    if asks && info.is_prompt() { Some(info.id.clone()) } else { parent }
}

/// The model of an answer.
fn model_of(message: &Message) -> Option<ModelName> {
    let (provider, model) = message.info.provider.clone().zip(message.info.model.clone())?;
    Some(ModelName { provider, model })
}
