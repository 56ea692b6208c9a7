//! Sends a prompt, and follows the turn that it begins.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::conversation::{self, Place};
use super::follow::{Follower, Watcher};
use super::outcome::TurnRecord;
use super::server::Server;
use super::{Context, Signals};
use crate::client::wire::{InputPart, ModelName, Prompt};
use crate::error::{Code, Error, Result};
use crate::process;
use crate::units::{Backoff, Deadline, POLL_FIRST};

/// How long a server may take from its 204 until the prompt can be read back. A cold directory
/// needs 1.5 s.
const STORED_WITHIN: Duration = Duration::from_secs(15);

/// Where a prompt goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Into a new conversation, perhaps with a title.
    New(Option<String>),
    /// Into the newest root conversation.
    Latest,
    /// Into this one.
    Given(String),
}

/// A prompt.
#[derive(Clone, Debug)]
pub struct PromptOptions {
    /// What is said.
    pub message: String,
    /// Where.
    pub target: Target,
    /// Default: the session's, or else OpenCode's.
    pub agent: Option<String>,
    /// Default: the conversation's.
    pub model: Option<ModelName>,
    /// For example a reasoning effort.
    pub variant: Option<String>,
}

/// How a turn is followed.
pub struct Follow<'a> {
    /// The turn is aborted after that.
    pub timeout: Duration,
    /// Who watches.
    pub watcher: &'a mut dyn Watcher,
    /// Whether the last message is wanted exactly as the server has it.
    pub raw: bool,
}

/// A prompt that the server has.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// `msg_…`.
    pub turn: String,
}

/// Sends a prompt and returns once the server has it.
pub fn send(context: &Context, word: &str, options: &PromptOptions) -> Result<Accepted> {
    let server = Server::open(context, word)?;
    let place = place(&server, &options.target)?;
    let turn = new_message_id();
    hand_over(&server, &place, &turn, options)?;
    stored(context, &server, &place, &turn)?;
    server.touch(context)?;
    Ok(Accepted { session: server.record.id.clone(), conversation: place.id, turn })
}

/// Sends a prompt and follows its turn to the end. `None` if the watcher has gone before that.
pub fn send_and_follow(
    context: &Context,
    signals: &Signals,
    word: &str,
    options: &PromptOptions,
    follow: Follow,
) -> Result<Option<(TurnRecord, Option<Value>)>> {
    let server = Server::open(context, word)?;
    let place = place(&server, &options.target)?;
    let turn = new_message_id();
    let follower = Follower::prepare(context, signals, &server, &place, &turn, follow.timeout);
    hand_over(&server, &place, &turn, options)?;
    server.touch(context)?;
    let Some(record) = follower.follow(follow.watcher)? else { return Ok(None) };
    let _ = server.touch(context);
    let raw = if follow.raw { last_message(&server, &place, &turn) } else { None };
    Ok(Some((record, raw)))
}

fn place(server: &Server, target: &Target) -> Result<Place> {
    match target {
        Target::New(title) => conversation::open(server, title.as_deref()),
        Target::Latest => conversation::latest_root(server),
        Target::Given(id) => conversation::find(server, id),
    }
}

fn hand_over(server: &Server, place: &Place, turn: &str, options: &PromptOptions) -> Result<()> {
    let prompt = Prompt {
        id: turn,
        parts: vec![InputPart::Text { text: &options.message }],
        model: options.model.as_ref(),
        agent: options.agent.as_deref().or(server.record.agent.as_deref()),
        variant: options.variant.as_deref(),
    };
    Ok(server.client.prompt(&place.id, &place.directory, &prompt)?)
}

/// Waits until the prompt can be read back: a 204 alone promises nothing.
fn stored(context: &Context, server: &Server, place: &Place, turn: &str) -> Result<()> {
    let deadline = Deadline::after(STORED_WITHIN);
    let mut pauses = Backoff::new(POLL_FIRST, Duration::from_millis(100));
    loop {
        let failure = match server.client.raw_message(&place.id, &place.directory, turn) {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        if let Some(error) = server.ended(context) {
            return Err(error);
        }
        if deadline.expired() {
            let message = format!("the server accepted the prompt and does not have it: {failure}");
            return Err(Error::new(Code::TurnFailed, message)
                .hint("an unknown agent does that: occtl config SESSION agent lists them"));
        }
        process::pause(pauses.next());
    }
}

/// `{info, parts}` of the turn's last message, as `POST …/message` would have answered.
fn last_message(server: &Server, place: &Place, turn: &str) -> Option<Value> {
    let limit = super::follow::LOOK_LIMIT;
    let messages = super::follow::messages_since(server, place, turn, false, limit).ok()?;
    let ours = messages.iter().rev().find(|one| one.info.parent.as_deref() == Some(turn))?;
    let found = server.client.raw_message(&place.id, &place.directory, &ours.info.id).ok()?;
    Some(json!({"info": found.get("info")?, "parts": found.get("parts")?}))
}

/// A new message id as OpenCode makes them, so that it sorts by time among the server's own: `msg_`,
/// 12 hexadecimal digits of milliseconds × 4096 plus a counter, 14 random characters.
fn new_message_id() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let milliseconds = jiff::Timestamp::now().as_millisecond() as u64;
    let count = COUNTER.fetch_add(1, Ordering::Relaxed) & 0xfff;
    let time = (milliseconds.wrapping_mul(0x1000) + count) & 0xffff_ffff_ffff;
    let random = uuid::Uuid::new_v4();
    let letters = random.as_bytes().iter().take(14);
    let tail: String = letters.map(|byte| char::from(ALPHABET[usize::from(*byte) % 62])).collect();
    format!("msg_{time:012x}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_sort_by_time_and_are_of_the_servers_form() {
        let ids: Vec<String> = (0..100).map(|_| new_message_id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0][..16] < pair[1][..16]), "{ids:?}");
        for id in ids {
            let (head, tail) = id.strip_prefix("msg_").unwrap().split_at(12);
            assert!(head.chars().all(|c| c.is_ascii_hexdigit()));
            assert!(tail.len() == 14 && tail.chars().all(|c| c.is_ascii_alphanumeric()));
        }
    }
}
