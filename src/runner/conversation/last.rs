//! The newest answer of a conversation, with all of its steps: `last`.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::entry::{Entry, ToolCall, moment};
use super::find::{self, Place, gone};
use super::messages::messages_since;
use crate::client::wire::Message;
use crate::client::{Answer, Limit};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::turn::prompts::Prompts;
use crate::runner::turn::record::{Failed, UsedModel};

/// How many messages are asked for first. Each further page is as many times larger.
const PAGE: usize = 8;

/// The most that are asked for at once: a server holds a page in memory before it sends it.
const LARGEST_PAGE: usize = 200;

/// The newest answer.
#[derive(Clone, Debug)]
pub struct Last {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// The turn that it belongs to, `msg_…`.
    pub turn: String,
    /// The text of all steps; each begins on a line of its own.
    pub text: String,
    /// The text of the last step that has any; of an answer to a schema, its JSON.
    pub answer: String,
    /// Whether no step is being written. Another one may follow while the conversation is busy.
    pub complete: bool,
    /// Why the last step failed, if it did.
    pub error: Option<Failed>,
    /// The model of the last step.
    pub model: Option<UsedModel>,
    /// The agent of the last step.
    pub agent: Option<String>,
    /// How many steps there are.
    pub steps: usize,
    /// The tools that were called.
    pub tools: Vec<ToolCall>,
    /// When the prompt was sent, or else when the first step began.
    pub created: Option<Timestamp>,
    /// When the last step ended.
    pub completed: Option<Timestamp>,
}

/// The newest answer of a conversation. A turn that was taken back, and a summary of the
/// conversation, do not count.
pub fn last(context: &Context, word: &str, id: Option<&str>) -> Result<Last> {
    Server::with(context, word, |server| {
        let found = find::given_or_newest(server, id)?;
        let reverted = found.reverted().map(String::from);
        last_of(server, &Place::of(found, server), reverted.as_deref())
    })
}

fn last_of(server: &Server, place: &Place, reverted: Option<&str>) -> Result<Last> {
    let gone = |failure| gone(server, place, failure);
    let none = || {
        let (session, id) = (&server.record.id, &place.id);
        Error::not_found(format!("conversation {id} has no answer yet"))
            .hint(format!("occtl tail {session} -s {id} shows what there is"))
    };
    let turn = newest_answered(server, place, reverted).map_err(gone)?.ok_or_else(none)?;
    let messages = messages_since(server, place, &turn, None, Limit::Long).map_err(gone)?;
    let mut prompts = Prompts::new(&turn);
    prompts.learn(&messages);
    let prompt = messages.iter().find(|message| message.info.id == turn);
    let sent = prompt.and_then(|prompt| moment(prompt.info.time.created));
    let own = messages.iter().rev().find(|message| prompts.is_step(&message.info));
    let structured = own.and_then(|last| last.info.structured.clone());
    let steps: Vec<Entry> = messages
        .into_iter()
        .filter(|message| prompts.is_step(&message.info))
        .map(|step| Entry::of(place, step))
        .collect();
    let ends = |steps: &[Entry]| {
        let last = steps.last()?;
        let agent = last.agent.clone();
        Some((last.is_complete(), last.error.clone(), last.model.clone(), agent, last.completed_at))
    };
    let (complete, error, model, agent, completed) = ends(&steps).ok_or_else(none)?;
    let mut last = Last {
        session: server.record.id.clone(),
        conversation: place.id.clone(),
        turn,
        text: String::new(),
        answer: String::new(),
        complete,
        error,
        model,
        agent,
        steps: steps.len(),
        tools: Vec::new(),
        created: sent.or(steps[0].created_at),
        completed,
    };
    for step in steps {
        last.tools.extend(step.tools);
        if !step.text.is_empty() {
            add_line(&mut last.text, &step.text);
            last.answer = step.text;
        }
    }
    if let Some(structured) = structured {
        last.answer = structured.to_string();
        add_line(&mut last.text, &last.answer);
    }
    Ok(last)
}

/// Adds text that begins on a line of its own.
fn add_line(text: &mut String, more: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(more);
}

/// The turn of the newest answer; `None` if there is none. Messages from `reverted` on do not
/// count.
fn newest_answered(
    server: &Server,
    place: &Place,
    reverted: Option<&str>,
) -> Answer<Option<String>> {
    let mut search = Search { reverted, ..Search::default() };
    let mut pages = server.client.pages(&place.id, &place.directory, Limit::Long);
    let mut size = PAGE;
    loop {
        // Of a large page only the ids are kept.
        let mut page = Vec::new();
        let take = &mut |message: Message| page.push(Brief::of(message));
        let more = match pages.each_of_next(size, take) {
            // A prompt with a schema is on this page. The newest message may be an answer to it.
            Err(failure) if failure.is_unreadable() => {
                let newest = server.client.newest_message(&place.id, &place.directory, Limit::Long);
                return Ok(newest?.and_then(|newest| newest.info.parent));
            }
            more => more?,
        };
        if let Some(found) = page.into_iter().rev().find_map(|message| search.take(message)) {
            return Ok(Some(found));
        }
        if !more {
            return Ok(search.best());
        }
        size = (size * PAGE).min(LARGEST_PAGE);
    }
}

/// What the search for the newest answer needs of a message.
struct Brief {
    id: String,
    what: What,
}

/// What a message is.
enum What {
    /// It answers this message.
    Answer(Option<String>),
    /// It asks the server for a summary.
    Compaction,
    /// The server wrote it to go on with a turn.
    GoesOn,
    /// A prompt.
    Prompt,
}

impl Brief {
    fn of(message: Message) -> Brief {
        let has = |kind: &str| message.parts.iter().any(|part| part.kind == kind);
        let mut texts = message.parts.iter().filter(|part| part.kind == "text");
        let what = if !message.info.is_prompt() {
            What::Answer(message.info.parent)
        } else if has("compaction") {
            What::Compaction
        } else if has("text") && texts.all(|part| part.synthetic) {
            What::GoesOn
        } else {
            What::Prompt
        };
        Brief { id: message.info.id, what }
    }
}

/// Looks for the newest answer from the newest message backwards.
#[derive(Default)]
struct Search<'a> {
    reverted: Option<&'a str>,
    /// The messages that have an answer.
    answered: BTreeSet<String>,
    /// Whether a message has an answer with which the server goes on with an older turn.
    goes_on: bool,
    /// The prompts without an answer so far.
    open: Vec<String>,
}

impl Search<'_> {
    /// Takes the next older message; its id if it is the prompt of the newest answer.
    fn take(&mut self, message: Brief) -> Option<String> {
        let Brief { id, what } = message;
        if self.reverted.is_some_and(|reverted| *id >= *reverted) {
            return None;
        }
        let is_answered = self.answered.contains(&id);
        match what {
            What::Answer(parent) => self.answered.extend(parent),
            What::Compaction => {}
            What::GoesOn => self.goes_on |= is_answered,
            What::Prompt if is_answered || self.goes_on => return Some(id),
            What::Prompt => self.open.push(id),
        }
        None
    }

    /// The same when all messages are known: old versions sort by id, and then an answer may be
    /// before its prompt.
    fn best(self) -> Option<String> {
        self.open.into_iter().find(|id| self.answered.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `P1` is a prompt, `S2` asks for a summary, `G3` goes on, `A4:1` answers the message 1.
    fn found(messages: &str, reverted: Option<&str>) -> Option<String> {
        let mut search = Search { reverted, ..Search::default() };
        let brief = |word: &str| {
            let (kind, rest) = word.split_at(1);
            let (id, parent) = rest.split_once(':').unwrap_or((rest, ""));
            let what = match kind {
                "P" => What::Prompt,
                "S" => What::Compaction,
                "G" => What::GoesOn,
                _ => What::Answer(Some(parent.into())),
            };
            Brief { id: id.into(), what }
        };
        let found = messages.split(' ').rev().find_map(|word| search.take(brief(word)));
        found.or_else(|| search.best())
    }

    #[test]
    fn the_newest_answer_is_found_behind_summaries_and_prompts_without_an_answer() {
        for (messages, expected) in [
            ("P1 A2:1", Some("1")),
            ("P1 A2:1 A3:1 P4", Some("1")),
            ("P1 A2:1 P4 A5:4", Some("4")),
            ("P1 A2:1 S3 A4:3", Some("1")),
            ("P1 A2:1 S3 A4:3 G5 A6:5", Some("1")),
            ("P1 A2:1 S3 A4:3 P5 A6:5", Some("5")),
            ("A1:2 P2", Some("2")),
            ("P1", None),
        ] {
            assert_eq!(found(messages, None).as_deref(), expected, "{messages}");
        }
        assert_eq!(found("P1 A2:1 P4 A5:4", Some("4")).as_deref(), Some("1"), "it is taken back");
        assert_eq!(found("P1 A2:1", Some("1")), None);
    }
}
