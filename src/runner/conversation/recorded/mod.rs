//! Reads what [`super::account`] has recorded: every message of every conversation of a server that
//! is long gone.

mod pieces;

use std::io::{self, Read};
use std::ops::ControlFlow;

use serde_json::Value;

use crate::client::mend;
use crate::client::wire::{Conversation, FullMessage, FullPart, Part, ToolDetails};
use crate::runner::turn::Tokens;
use crate::runner::turn::record::Failed;
use pieces::{CUT, LONGEST_STRING, Piece, Pieces};

/// What a recorded document holds, in its order.
pub enum Recorded {
    /// A conversation. Its messages follow.
    Conversation(RecordedConversation),
    /// A conversation whose head cannot be read. Its messages follow all the same.
    Nameless,
    /// One message.
    Message(Box<RecordedMessage>),
    /// A message that is larger than any that is read.
    TooLarge,
    /// Something that is no message.
    Unreadable,
}

/// The head of a conversation.
#[derive(Debug)]
pub struct RecordedConversation {
    /// `ses_…`.
    pub id: String,
    /// The conversation above a sub-agent's.
    pub parent: Option<String>,
    /// Its title; untrusted text.
    pub title: Option<String>,
}

/// One message. Texts may have been cut; see [`Excerpt`].
pub struct RecordedMessage {
    /// Whether it is a prompt and not an answer.
    pub is_prompt: bool,
    /// `provider/model` of an answer.
    pub model: Option<String>,
    /// What it consists of.
    pub parts: Vec<RecordedPart>,
    /// What an answer used.
    pub tokens: Option<Tokens>,
    /// When it was begun, in milliseconds since 1970.
    pub created_ms: Option<f64>,
    /// US dollars; `None` for 0, which a server also says of what has no price.
    pub cost_usd: Option<f64>,
    /// How long an answer took, its tools included.
    pub duration_ms: Option<u64>,
    /// Why it failed.
    pub error: Option<Failed>,
    /// `stop`, `tool-calls`, …
    pub finish: Option<String>,
}

/// A part of a message.
pub enum RecordedPart {
    /// What the user or the model says.
    Text(String),
    /// What the server has added for the model to read.
    Added(String),
    /// What the model thinks.
    Reasoning(String),
    /// A call of a tool.
    Tool(Box<RecordedTool>),
    /// The history was summarised here.
    Compaction,
}

/// A call of a tool.
pub struct RecordedTool {
    /// `prt_…`; empty if the server did not say it.
    pub id: String,
    /// For example `bash`.
    pub name: String,
    /// `pending`, `running`, `completed` or `error`.
    pub status: String,
    /// What the tool says it does.
    pub title: Option<String>,
    /// How long it ran.
    pub duration_ms: Option<u64>,
    /// Its arguments.
    pub input: Value,
    /// Its result, or why it failed.
    pub output: Option<String>,
    /// The conversation of the sub-agent that it started.
    pub conversation: Option<String>,
}

/// A text of which the end may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excerpt<'a> {
    /// What is there.
    pub text: &'a str,
    /// How many bytes are missing, as JSON writes them.
    pub missing: u64,
}

impl<'a> Excerpt<'a> {
    /// Takes the mark off a text that was cut when it was read.
    pub fn of(text: &'a str) -> Excerpt<'a> {
        let cut = || {
            let (text, missing) = text.strip_suffix(CUT)?.rsplit_once(CUT)?;
            Some(Excerpt { text, missing: missing.parse().ok()? })
        };
        cut().unwrap_or(Excerpt { text, missing: 0 })
    }
}

/// Passes everything in a recorded document to `take`, and returns whether the document is whole:
/// one that was cut short still has its beginning. After a `Break` the rest is not read. Needs a
/// few megabytes of memory, whatever the document is.
pub fn recorded(
    input: impl Read,
    take: &mut dyn FnMut(Recorded) -> ControlFlow<()>,
) -> io::Result<bool> {
    let mut reader = Reader::new(input, LONGEST_STRING);
    while let Some(found) = reader.next()? {
        if take(found).is_break() {
            return Ok(true);
        }
    }
    Ok(reader.is_whole())
}

/// Reads a recorded document, or one conversation of it.
pub struct Reader<R> {
    pieces: Pieces<R>,
}

impl<R: Read> Reader<R> {
    /// Reads a document from its beginning. Of a longer text `longest` bytes of JSON are kept.
    pub fn new(input: R, longest: usize) -> Reader<R> {
        Reader { pieces: Pieces::new(input, longest) }
    }

    /// Reads the messages of a conversation, for an input that goes on where [`Reader::position`]
    /// was behind its head. What comes behind its last message is the next conversation.
    pub fn within(input: R, longest: usize) -> Reader<R> {
        Reader { pieces: Pieces::within(input, longest) }
    }

    /// What comes next; `None` at the end of the input.
    pub fn next(&mut self) -> io::Result<Option<Recorded>> {
        let found = match self.pieces.next()? {
            None => return Ok(None),
            Some(Piece::Conversation(json)) => {
                conversation(json).map_or(Recorded::Nameless, Recorded::Conversation)
            }
            Some(Piece::Message(json)) => {
                let message = message(json).map(Box::new);
                message.map_or(Recorded::Unreadable, Recorded::Message)
            }
            Some(Piece::TooLarge) => Recorded::TooLarge,
        };
        Ok(Some(found))
    }

    /// How many bytes of the input lie before what comes next.
    pub fn position(&self) -> u64 {
        self.pieces.position()
    }

    /// Whether the document was read to its end.
    pub fn is_whole(&self) -> bool {
        self.pieces.is_whole()
    }
}

fn conversation(json: &[u8]) -> Option<RecordedConversation> {
    let Conversation { id, parent, title, .. } = serde_json::from_slice(&mend(json)).ok()?;
    Some(RecordedConversation { id, parent, title })
}

fn message(json: &[u8]) -> Option<RecordedMessage> {
    let FullMessage { info, parts } = serde_json::from_slice(&mend(json)).ok()?;
    Some(RecordedMessage {
        is_prompt: info.is_prompt(),
        duration_ms: info
            .time
            .created
            .zip(info.time.completed)
            .map(|(created, completed)| (completed - created).max(0.0) as u64),
        created_ms: info.time.created,
        tokens: info.has_usage().then(|| info.tokens.map(Tokens::from)).flatten(),
        cost_usd: info.cost.filter(|cost| *cost > 0.0),
        error: info.error.as_ref().map(Failed::of),
        model: info.provider.zip(info.model).map(|(provider, model)| format!("{provider}/{model}")),
        finish: info.finish,
        parts: parts.into_iter().filter_map(part).collect(),
    })
}

/// A part that a reader wants to see.
fn part(part: FullPart) -> Option<RecordedPart> {
    let (part, details) = part.split();
    match part.kind.as_str() {
        "text" | "reasoning" if part.text.is_empty() => None,
        "text" if part.synthetic => Some(RecordedPart::Added(part.text)),
        "text" => Some(RecordedPart::Text(part.text)),
        "reasoning" => Some(RecordedPart::Reasoning(part.text)),
        "tool" => Some(RecordedPart::Tool(Box::new(tool(part, details)))),
        "compaction" => Some(RecordedPart::Compaction),
        _ => None,
    }
}

fn tool(part: Part, details: ToolDetails) -> RecordedTool {
    RecordedTool {
        id: part.id,
        name: part.tool.unwrap_or_default(),
        status: part.state.status,
        title: part.state.title.filter(|title| !title.is_empty()),
        duration_ms: part.state.time.duration_ms(),
        input: details.input.unwrap_or_default(),
        output: details.output.or(details.error),
        conversation: part.state.metadata.conversation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = r#"{"conversations":[
        {"info":{"id":"ses_a","title":"Task"},"messages":[
        {"info":{"id":"msg_1","role":"user"},"parts":[{"id":"prt_1","type":"text","text":"do"}]},
        {"info":{"id":"msg_2","role":"assistant","providerID":"p","modelID":"m","cost":0.25,
          "tokens":{"input":7},"time":{"created":5,"completed":12}},"parts":[
          {"id":"prt_2","type":"step-start"},
          {"id":"prt_3","type":"reasoning","text":"hm \ud83d"},
          {"id":"prt_4","type":"tool","tool":"task","state":{"status":"completed","output":"ok",
            "input":{"prompt":"look"},"metadata":{"sessionId":"ses_b"}}}]},
        7, {"parts":[]}]},
        {"info":{"id":"ses_b","parentID":"ses_a"},"messages":[]}]}"#;

    #[test]
    fn what_was_recorded_is_read_in_its_order_with_what_belongs_to_what() {
        let mut seen = Vec::new();
        let whole = recorded(TREE.as_bytes(), &mut |found| {
            seen.push(match found {
                Recorded::Conversation(one) => format!("{} {:?}", one.id, one.parent),
                Recorded::Message(message) if message.is_prompt => "prompt".into(),
                Recorded::Message(message) => {
                    let [RecordedPart::Reasoning(text), RecordedPart::Tool(tool)] =
                        &message.parts[..]
                    else {
                        panic!("{} parts", message.parts.len());
                    };
                    let (child, model) = (tool.conversation.as_deref(), message.model.as_deref());
                    assert_eq!((child, model), (Some("ses_b"), Some("p/m")));
                    assert_eq!((message.duration_ms, message.cost_usd), (Some(7), Some(0.25)));
                    assert_eq!(message.tokens.unwrap().input, Some(7));
                    text.clone()
                }
                Recorded::TooLarge => "too large".into(),
                Recorded::Nameless => "nameless".into(),
                Recorded::Unreadable => "unreadable".into(),
            });
            ControlFlow::Continue(())
        });
        let parts = ["ses_a None", "prompt", "hm \u{fffd}", "unreadable", "ses_b Some(\"ses_a\")"];
        assert_eq!((seen.as_slice(), whole.unwrap()), (&parts.map(String::from)[..], true));
        let cut = &TREE[..TREE.find("\"prt_3\"").unwrap()];
        let mut count = 0;
        let whole = recorded(cut.as_bytes(), &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        });
        assert_eq!((count, whole.unwrap()), (2, false));
    }

    #[test]
    fn a_text_says_how_much_of_it_is_missing() {
        let text = format!("abc{CUT}17{CUT}");
        assert_eq!(Excerpt::of(&text), Excerpt { text: "abc", missing: 17 });
        for whole in ["abc", "", "\u{ffff}", "a\u{ffff}x\u{ffff}"] {
            assert_eq!(Excerpt::of(whole), Excerpt { text: whole, missing: 0 });
        }
    }
}
