//! Waits until conversations reach something.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::abort::abort;
use super::follow::{Watcher, tell};
use crate::client::wire::{Activities, Message};
use crate::client::{Answer, Limit};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::conversation::find::{self, Place, Target, target_place};
use crate::runner::conversation::messages::messages_since;
use crate::runner::session::operation::Operation;
use crate::runner::session::server::Server;
use crate::runner::session::stream::Stream;
use crate::runner::session::timeouts::{LOOK_LIMIT, out_of_time};
use crate::runner::turn::{Snapshot, Turn};
use crate::units::{Backoff, Deadline, TICK, pause, seconds};

/// How often REST is asked while events come; they make it sooner.
const CALM: Duration = Duration::from_secs(2);

/// How many messages are searched for a prompt first, and how many times more on every further page.
const PAGE: usize = 8;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Nothing goes on in the conversation and below it.
    Idle,
    /// It or one below it wants a permission or an answer.
    Ask,
    /// The text of its newest turn holds this.
    Text(String),
    /// The server's process has ended.
    Dead,
}

/// What `wait` was asked for.
#[derive(Clone, Debug)]
pub struct WaitOptions {
    /// Which conversations; none means the newest root one.
    pub conversations: Vec<String>,
    /// Whether one that reaches it is enough.
    pub any: bool,
    /// What counts; any of them.
    pub until: Vec<Until>,
    /// How long.
    pub timeout: Duration,
}

/// A conversation that reached something.
#[derive(Clone, Debug)]
pub struct Reached {
    /// `ses_…`; `None` if it is the server that died.
    pub conversation: Option<String>,
    /// `idle`, `ask`, `text` or `dead`.
    pub what: &'static str,
    /// Of an ask: its id.
    pub ask: Option<String>,
}

/// Waits. The ones that were reached come in the order in which that was seen.
pub fn wait(context: &Context, word: &str, options: &WaitOptions) -> Result<Vec<Reached>> {
    let operation = match Operation::begin(context, word, options.timeout) {
        Err(error) if error.code == Code::Unreachable && options.until.contains(&Until::Dead) => {
            return Ok(vec![dead()]);
        }
        operation => operation?,
    };
    let Operation { signals, server, deadline, .. } = &operation;
    let only_dead = options.until == [Until::Dead];
    let places = match only_dead {
        true => Vec::new(),
        false => {
            places(server, &options.conversations).map_err(|error| operation.explain(error))?
        }
    };
    let mut waiting = Waiting::new(server, places, options);
    let mut pauses = Backoff::new(Duration::from_millis(50), CALM);
    loop {
        if let Some(code) = signals.received() {
            return Err(Error::new(code, "interrupted; the turns go on"));
        }
        let looked = waiting.look();
        let ended = match &looked {
            Ok(()) => server.ended(context),
            Err(failure) => server.ended_by(context, failure),
        };
        if let Some(error) = ended {
            if options.until.contains(&Until::Dead) {
                waiting.reached.push(dead());
                return Ok(waiting.reached);
            }
            return Err(error);
        }
        if let Err(failure) = looked
            && !failure.is_passing()
        {
            return Err(failure.into());
        }
        if waiting.done() {
            return Ok(waiting.reached);
        }
        if deadline.expired() {
            let limit = seconds(options.timeout);
            let mut left = waiting.places().collect::<Vec<_>>().join(", ");
            if only_dead {
                left = format!("the end of session {}", server.record.id);
            }
            return Err(Error::new(Code::Timeout, format!("not reached within {limit}: {left}")));
        }
        waiting.listen(Instant::now() + pauses.next(), *deadline);
    }
}

/// Aborts a conversation with all below it; an error if it does not end within `limit`.
pub fn abort_conversation(
    context: &Context,
    word: &str,
    target: &Target,
    limit: Duration,
) -> Result<String> {
    let server = Server::open(context, word)?;
    let deadline = Deadline::after(limit);
    server.client.limit_to(deadline, None);
    let late = |error: Error| match error.code {
        Code::Unreachable if deadline.expired() => out_of_time(error, limit),
        _ => error,
    };
    let place = target_place(&server, target).map_err(late)?;
    let below = find::descendants(&server, &place).map_err(late)?;
    server.touch(context)?;
    match (abort(&server, &place, &below, deadline, &|| true), server.ended(context)) {
        (Ok(true), _) => Ok(place.id),
        (_, Some(error)) => Err(error),
        (Err(failure), _) => Err(late(failure.into())),
        (Ok(false), _) => {
            Err(Error::failed(format!("conversation {} was aborted and goes on", place.id))
                .hint(format!("occtl stop {} ends its server", server.record.id)))
        }
    }
}

fn dead() -> Reached {
    Reached { conversation: None, what: "dead", ask: None }
}

fn places(server: &Server, given: &[String]) -> Result<Vec<Place>> {
    match given {
        [] => Ok(vec![find::latest_root(server)?]),
        ids => ids.iter().map(|id| find::by_id(server, id)).collect(),
    }
}

/// One conversation that has reached nothing yet.
struct Open {
    place: Place,
    /// Its newest turn.
    turn: Option<Turn>,
    search: Search,
}

/// Conversations that are waited for.
struct Waiting<'a> {
    server: &'a Server,
    options: &'a WaitOptions,
    open: Vec<Open>,
    streams: BTreeMap<String, Stream>,
    reached: Vec<Reached>,
}

/// Looks for texts in a text while it grows; of that only as much is kept as a match may need.
#[derive(Clone, Debug, Default)]
struct Search {
    wanted: Vec<String>,
    tail: String,
    found: bool,
}

impl Search {
    fn new(until: &[Until]) -> Search {
        let text = |until: &Until| match until {
            Until::Text(wanted) => Some(wanted.clone()),
            _ => None,
        };
        Search { wanted: until.iter().filter_map(text).collect(), ..Search::default() }
    }
}

impl Watcher for Search {
    fn text(&mut self, text: &str) {
        let Some(longest) = self.wanted.iter().map(String::len).max() else { return };
        self.tail.push_str(text);
        self.found |= self.wanted.iter().any(|wanted| self.tail.contains(wanted.as_str()));
        let keep = self.tail.len().saturating_sub(longest);
        let keep = (keep..=self.tail.len()).find(|at| self.tail.is_char_boundary(*at));
        self.tail.drain(..keep.unwrap_or(0));
    }
}

impl<'a> Waiting<'a> {
    fn new(server: &'a Server, places: Vec<Place>, options: &'a WaitOptions) -> Waiting<'a> {
        let mut streams = BTreeMap::new();
        for place in &places {
            let open = || Stream::open(&server.client, &place.directory, false);
            streams.entry(place.directory.clone()).or_insert_with(open);
        }
        let search = Search::new(&options.until);
        let open = |place| Open { place, turn: None, search: search.clone() };
        let open = places.into_iter().map(open).collect();
        Waiting { server, options, open, streams, reached: Vec::new() }
    }

    fn done(&self) -> bool {
        let only_dead = self.options.until == [Until::Dead];
        !only_dead && (self.open.is_empty() || (self.options.any && !self.reached.is_empty()))
    }

    fn places(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|one| one.place.id.as_str())
    }

    fn listen(&mut self, until: Instant, deadline: Deadline) {
        let mut wanted = false;
        while !wanted && Instant::now() < until && !deadline.expired() {
            if self.streams.is_empty() {
                pause(deadline.remaining(TICK));
                return;
            }
            for (directory, stream) in &mut self.streams {
                let open = &mut self.open;
                stream.receive(&self.server.client, until, deadline, &mut |heard| {
                    for one in open.iter_mut().filter(|one| one.place.directory == *directory) {
                        if let Some(turn) = &mut one.turn {
                            let before = turn.asks.pending().count();
                            tell(&heard, turn, &mut one.search);
                            wanted |= turn.wants_look() || turn.asks.pending().count() > before;
                            wanted |= one.search.found;
                        }
                    }
                });
                if !stream.is_open() || !self.server.lives() {
                    return;
                }
            }
        }
    }

    /// Asks REST about every conversation that has reached nothing yet.
    fn look(&mut self) -> Answer<()> {
        if self.open.is_empty() && self.server.process.is_none() {
            // Only asking tells whether a server of somebody else is still there.
            self.server.client.health(LOOK_LIMIT)?;
        }
        let mut known: BTreeMap<String, Activities> = BTreeMap::new();
        for one in &mut self.open {
            let place = &one.place;
            if !known.contains_key(&place.directory) {
                let activities = self.server.client.activities(&place.directory, LOOK_LIMIT)?;
                known.insert(place.directory.clone(), activities);
            }
            let activities = &known[&place.directory];
            let reached = look_at(self.server, self.options, one, activities, LOOK_LIMIT)?;
            self.reached.extend(reached);
        }
        let reached = &self.reached;
        let is =
            |place: &Place| reached.iter().any(|one| one.conversation.as_ref() == Some(&place.id));
        self.open.retain(|one| !is(&one.place));
        Ok(())
    }
}

/// What one conversation has reached.
fn look_at(
    server: &Server,
    options: &WaitOptions,
    one: &mut Open,
    activities: &Activities,
    limit: Duration,
) -> Answer<Option<Reached>> {
    let Open { place, turn, search } = one;
    let reached = |what, ask| Some(Reached { conversation: Some(place.id.clone()), what, ask });
    let Some(newest) = newest_prompt(server, place, limit)? else {
        // Nothing was ever said in it.
        let idle = options.until.contains(&Until::Idle);
        return Ok(if idle { reached("idle", None) } else { None });
    };
    if newest.0.is_empty() {
        return Ok(None);
    }
    if turn.as_ref().is_none_or(|turn| turn.id() != newest.0) {
        // A prompt that was never answered is not waited for once more.
        let accepted = Instant::now().checked_sub(newest.1).unwrap_or_else(Instant::now);
        *turn = Some(Turn::new(&place.id, &newest.0, accepted));
        *search = Search::new(&options.until);
    }
    let Some(turn) = turn else { return Ok(None) };
    let messages = messages_since(server, place, &newest.0, None, limit)?;
    let snapshot =
        Snapshot { messages: &messages, activities: Some(activities), at: Instant::now() };
    let end = turn.apply_snapshot(&snapshot, &mut |text| search.text(text));
    let below = find::descendants_within(server, place, limit)?;
    let ask = pending_ask(server, place, &below, limit)?;
    let tree_busy = below.iter().any(|id| activities.get(id).is_some_and(|one| one.busy()));
    for until in &options.until {
        match until {
            Until::Ask if ask.is_some() => return Ok(reached("ask", ask)),
            Until::Idle if end.is_some() && !tree_busy => return Ok(reached("idle", None)),
            until if says(turn, until) => return Ok(reached("text", None)),
            _ => {}
        }
    }
    Ok(None)
}

fn says(turn: &Turn, until: &Until) -> bool {
    matches!(until, Until::Text(wanted) if turn.text().all().contains(wanted.as_str()))
}

/// The id of the newest prompt, and how old it is; no id if the server cannot show it and there is no
/// answer yet that names it.
fn newest_prompt(
    server: &Server,
    place: &Place,
    limit: Duration,
) -> Answer<Option<(String, Duration)>> {
    let (id, directory) = (&place.id, &place.directory);
    let mut pages = server.client.pages(id, directory, Limit::Whole(limit));
    let mut size = PAGE;
    let newest: Option<Message> = loop {
        match pages.next(size) {
            Ok(Some(page)) => {
                let prompt = |message: &Message| message.info.role == "user";
                if let Some(newest) = page.into_iter().rev().find(prompt) {
                    break Some(newest);
                }
            }
            Ok(None) => break None,
            // It is on this page. An answer to it may have come.
            Err(failure) if failure.is_unreadable() => {
                match server.client.newest_message(id, directory, Limit::Whole(limit)) {
                    Err(failure) if failure.is_unreadable() => return Ok(Some(Default::default())),
                    newest => break newest?,
                }
            }
            Err(failure) => return Err(failure),
        }
        size *= PAGE;
    };
    let now = jiff::Timestamp::now().as_millisecond() as f64;
    let age = |created: f64| Duration::from_millis((now - created).max(0.0) as u64);
    Ok(newest.map(|Message { info, .. }| {
        (info.parent.unwrap_or(info.id), info.time.created.map(age).unwrap_or_default())
    }))
}

fn pending_ask(
    server: &Server,
    place: &Place,
    below: &[String],
    limit: Duration,
) -> Answer<Option<String>> {
    let ours = |conversation: &String| *conversation == place.id || below.contains(conversation);
    let permissions = server.client.permissions(&place.directory, limit)?;
    if let Some(ask) = permissions.into_iter().find(|ask| ours(&ask.conversation)) {
        return Ok(Some(ask.id));
    }
    let questions = server.client.questions(&place.directory, limit)?;
    Ok(questions.into_iter().find(|ask| ours(&ask.conversation)).map(|ask| ask.id))
}
