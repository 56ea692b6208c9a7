//! How the scripted model puts a step on the wire: streamed in deltas, or as one document.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::http_server::Connection;
use super::model::{DONE, PROMPT_TOKENS};
use super::model_script::{Action, Step, words};

/// What an answer needs from the model besides its step.
pub trait Context {
    /// Blocks until the gate is open.
    fn pass_gate(&self, name: &str);
    /// A number for a tool call, another one each time.
    fn call_number(&self) -> u64;
}

/// Turns actions into the pieces of an answer, either streamed or collected.
trait Sink {
    /// One delta object.
    fn delta(&mut self, delta: Value) -> io::Result<()>;
    /// One piece of text. It is as a `delta`, but this most frequent kind builds no JSON tree.
    fn text(&mut self, text: &str) -> io::Result<()>;
    /// Sends what is there, before the model pauses.
    fn flush(&mut self) -> io::Result<()>;
}

/// How an answer ended.
struct End {
    reason: &'static str,
    completion_tokens: u64,
    reasoning_tokens: u64,
    cached_tokens: u64,
    /// Whether the answer stops without an end: `Some(true)` if that is inside the body.
    cut: Option<bool>,
}

const GOOD_END: End =
    End { reason: "stop", completion_tokens: 0, reasoning_tokens: 0, cached_tokens: 0, cut: None };

fn perform(context: &dyn Context, step: &Step, sink: &mut dyn Sink) -> io::Result<End> {
    let (mut end, mut after_wait) = (GOOD_END, false);
    for action in step {
        after_wait = matches!(action, Action::Wait(_));
        match action {
            Action::Say { deltas, pause_ms } => {
                for delta in deltas {
                    pause(*pause_ms, sink)?;
                    sink.text(delta)?;
                }
                end.completion_tokens += deltas.len() as u64;
            }
            Action::Tokens { count, pause_ms } => {
                tokens(*count, *pause_ms, sink)?;
                end.completion_tokens += count;
            }
            Action::Reason(text) => {
                for word in words(text) {
                    sink.delta(json!({"reasoning_content": word}))?;
                    end.reasoning_tokens += 1;
                }
                sink.text("ok")?;
                end.completion_tokens += 1 + end.reasoning_tokens;
            }
            Action::Length => {
                sink.text("cut short")?;
                end.completion_tokens += 1;
                end.reason = "length";
            }
            Action::Call { tool, arguments } => {
                let number = context.call_number();
                sink.delta(json!({"tool_calls": [{
                    "index": 0,
                    "id": format!("call_{number}"),
                    "type": "function",
                    "function": {"name": tool, "arguments": arguments.to_string()},
                }]}))?;
                end.completion_tokens += 1;
                end.reason = "tool_calls";
            }
            Action::Cut { count, broken, .. } => {
                tokens(*count, 0, sink)?;
                end.cut = Some(*broken);
                return Ok(end);
            }
            Action::Wait(name) => {
                sink.flush()?;
                context.pass_gate(name);
            }
            Action::Cached(count) => end.cached_tokens = *count,
            // They have an effect only as the first action of a step, where `chat` handles them.
            Action::Http { .. } | Action::Silence => {}
        }
    }
    if after_wait {
        sink.text(DONE)?;
        end.completion_tokens += 1;
    }
    Ok(end)
}

fn tokens(count: u64, pause_ms: u64, sink: &mut dyn Sink) -> io::Result<()> {
    for number in 1..=count {
        pause(pause_ms, sink)?;
        let space = if number < count { " " } else { "" };
        sink.text(&format!("w{number}{space}"))?;
    }
    Ok(())
}

/// Waits before a delta, as the script says.
fn pause(milliseconds: u64, sink: &mut dyn Sink) -> io::Result<()> {
    if milliseconds > 0 {
        sink.flush()?;
        std::thread::sleep(Duration::from_millis(milliseconds));
    }
    Ok(())
}

fn usage(end: &End) -> Value {
    json!({
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": end.completion_tokens,
        "total_tokens": PROMPT_TOKENS + end.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": end.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": end.reasoning_tokens},
    })
}

/// Sends each delta as an event of its own.
struct Stream<'a> {
    connection: &'a mut Connection,
    model: &'a str,
}

impl Stream<'_> {
    fn chunk(&mut self, delta: Value, reason: Value, usage: Option<Value>) -> io::Result<()> {
        let mut chunk = json!({
            "id": "chatcmpl-scripted",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": self.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
        });
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        self.connection.push(format!("data: {chunk}\n\n").as_bytes())
    }
}

impl Sink for Stream<'_> {
    fn delta(&mut self, delta: Value) -> io::Result<()> {
        self.chunk(delta, Value::Null, None)
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let (text, model) = (Value::from(text), self.model);
        let head = r#"{"id":"chatcmpl-scripted","object":"chat.completion.chunk","created":0"#;
        let choice = format!(r#"{{"index":0,"delta":{{"content":{text}}},"finish_reason":null}}"#);
        let chunk = format!(r#"{head},"model":"{model}","choices":[{choice}]}}"#);
        self.connection.push(format!("data: {chunk}\n\n").as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.connection.flush()
    }
}

/// Answers a request with `stream: true`.
pub fn stream(
    context: &dyn Context,
    step: &Step,
    body: &Value,
    connection: &mut Connection,
) -> io::Result<()> {
    connection.begin_stream()?;
    let model = body["model"].as_str().unwrap_or("echo");
    let mut stream = Stream { connection, model };
    stream.delta(json!({"role": "assistant", "content": ""}))?;
    let end = perform(context, step, &mut stream)?;
    match end.cut {
        Some(true) => {
            stream.flush()?;
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Some(false) => {}
        None => {
            stream.chunk(json!({}), end.reason.into(), Some(usage(&end)))?;
            stream.connection.push(b"data: [DONE]\n\n")?;
        }
    }
    stream.connection.end_stream()
}

/// Collects the deltas into one message.
#[derive(Default)]
struct Whole {
    text: String,
    reasoning: String,
    calls: Vec<Value>,
}

impl Sink for Whole {
    fn delta(&mut self, mut delta: Value) -> io::Result<()> {
        self.reasoning.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        if let Value::Array(calls) = delta["tool_calls"].take() {
            self.calls.extend(calls);
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.text.push_str(text);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Answers a request without `stream`.
pub fn whole(
    context: &dyn Context,
    step: &Step,
    body: &Value,
    connection: &mut Connection,
) -> io::Result<()> {
    let mut whole = Whole::default();
    let end = perform(context, step, &mut whole)?;
    if end.cut.is_some() {
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    let mut message = json!({"role": "assistant", "content": whole.text});
    if !whole.reasoning.is_empty() {
        message["reasoning_content"] = whole.reasoning.into();
    }
    if !whole.calls.is_empty() {
        message["tool_calls"] = whole.calls.into();
    }
    connection.json(
        200,
        &json!({
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": end.reason}],
            "usage": usage(&end),
        }),
    )
}
