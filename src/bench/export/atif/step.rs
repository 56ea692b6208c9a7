//! One message as steps of a trajectory.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::bench::export::counts::Counts;
use crate::runner::conversation::recorded::{Excerpt, RecordedMessage, RecordedPart, RecordedTool};

/// What stands in a step where the history was summarised.
const SUMMARISED: &str = "The history was summarised here, to fit.";

/// What is known beside the message.
pub struct Style<'a> {
    /// Whether a conversation is embedded in the trajectory as a sub-agent's.
    pub is_embedded: &'a dyn Fn(&str) -> bool,
    /// Whether the server knew what the model costs, so that 0 is a price.
    pub has_price: bool,
}

/// A message, and what is said of it elsewhere.
#[derive(Default)]
pub struct Steps {
    /// In their order, without numbers.
    pub steps: Vec<Value>,
    /// What the model's call used, if it was one.
    pub used: Counts,
    /// US dollars; `None` if they are not known.
    pub cost_usd: Option<f64>,
    /// How many texts were cut.
    pub cut: u64,
}

impl Steps {
    /// The steps of a message: a prompt may come with texts of OpenCode's own, which are a step of
    /// the system. An answer is one step.
    pub fn of(message: RecordedMessage, style: &Style) -> Steps {
        let mut steps = Steps::default();
        let time = message.created_ms.and_then(time);
        if message.is_prompt {
            steps.prompt(message)
        } else {
            steps.answer(message, style)
        }
        if let Some(time) = time {
            for step in &mut steps.steps {
                step["timestamp"] = json!(time);
            }
        }
        steps
    }

    fn prompt(&mut self, message: RecordedMessage) {
        let (mut said, mut added) = (Vec::new(), Vec::new());
        for part in message.parts {
            match part {
                RecordedPart::Text(text) => said.push(self.text(&text)),
                RecordedPart::Added(text) => added.push(self.text(&text)),
                RecordedPart::Compaction => added.push(SUMMARISED.into()),
                RecordedPart::Reasoning(_) | RecordedPart::Tool(_) => {}
            }
        }
        if !said.is_empty() || added.is_empty() {
            self.steps.push(json!({"source": "user", "message": said.join("\n\n")}));
        }
        if !added.is_empty() {
            self.steps.push(json!({"source": "system", "message": added.join("\n\n")}));
        }
    }

    fn answer(&mut self, message: RecordedMessage, style: &Style) {
        let (mut said, mut thought) = (Vec::new(), Vec::new());
        let mut calls = Calls::default();
        for part in message.parts {
            match part {
                RecordedPart::Text(text) | RecordedPart::Added(text) => said.push(self.text(&text)),
                RecordedPart::Reasoning(text) => thought.push(self.text(&text)),
                RecordedPart::Tool(tool) => calls.add(*tool, style, self),
                RecordedPart::Compaction => said.push(SUMMARISED.into()),
            }
        }
        let mut step = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                step.insert(key.into(), value);
            }
        };
        put("source", json!("agent"));
        put("message", json!(said.join("\n\n")));
        put("llm_call_count", json!(1));
        put("model_name", json!(message.model));
        if !thought.is_empty() {
            put("reasoning_content", json!(thought.join("\n\n")));
        }
        let mut extra = Map::new();
        if !calls.calls.is_empty() {
            put("tool_calls", Value::Array(calls.calls));
            put("observation", json!({"results": calls.results}));
            extra.insert("tools".into(), Value::Array(calls.facts));
        }
        if let Some(tokens) = message.tokens {
            self.used = Counts::of_message(tokens);
            self.cost_usd = message.cost_usd.or(style.has_price.then_some(0.0));
            put("metrics", metrics(self.used, self.cost_usd));
        }
        extra.extend(message.finish.map(|finish| ("finish".into(), json!(finish))));
        extra.extend(message.duration_ms.map(|time| ("duration_ms".into(), json!(time))));
        extra.extend(message.error.map(|error| ("error".into(), json!(error))));
        if !extra.is_empty() {
            put("extra", Value::Object(extra));
        }
        self.steps.push(Value::Object(step));
    }

    /// A text as it was recorded, with words for what is missing.
    fn text(&mut self, text: &str) -> String {
        let Excerpt { text, missing } = Excerpt::of(text);
        if missing == 0 {
            return text.into();
        }
        self.cut += 1;
        format!("{text}\n[{missing} more bytes are in the transcript]")
    }

    /// The same of all texts within a value.
    fn texts(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if Excerpt::of(text).missing > 0 => *text = self.text(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.texts(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.texts(value)),
            _ => {}
        }
    }
}

/// The tool calls of an answer.
#[derive(Default)]
struct Calls {
    ids: BTreeSet<String>,
    calls: Vec<Value>,
    results: Vec<Value>,
    facts: Vec<Value>,
}

impl Calls {
    fn add(&mut self, tool: RecordedTool, style: &Style, steps: &mut Steps) {
        let mut id = tool.id;
        // Results are told apart by it, so it has to be the only one in its step.
        while id.is_empty() || self.ids.contains(&id) {
            id = format!("{id}#{}", self.ids.len() + 1);
        }
        self.ids.insert(id.clone());
        let mut input = tool.input;
        steps.texts(&mut input);
        let arguments = match input {
            Value::Object(_) => input,
            Value::Null => json!({}),
            other => json!({"value": other}),
        };
        let mut result = json!({"source_call_id": id});
        if let Some(output) = tool.output {
            result["content"] = json!(steps.text(&output));
        }
        if let Some(child) = tool.conversation.filter(|child| (style.is_embedded)(child)) {
            result["subagent_trajectory_ref"] =
                json!([{"trajectory_id": child, "session_id": child}]);
        }
        let mut facts = json!({"tool_call_id": id, "status": tool.status});
        if let Some(title) = tool.title {
            facts["title"] = json!(steps.text(&title));
        }
        if let Some(time) = tool.duration_ms {
            facts["duration_ms"] = json!(time);
        }
        self.calls.push(json!({
            "tool_call_id": id, "function_name": tool.name, "arguments": arguments,
        }));
        self.results.push(result);
        self.facts.push(facts);
    }
}

/// What one call of a model used.
fn metrics(used: Counts, cost_usd: Option<f64>) -> Value {
    let mut metrics = json!({
        "prompt_tokens": used.prompt, "completion_tokens": used.completion,
        "cached_tokens": used.cached,
        "extra": {"reasoning_tokens": used.reasoning,
                  "cache_creation_input_tokens": used.cache_creation},
    });
    if let Some(cost) = cost_usd {
        metrics["cost_usd"] = json!(cost);
    }
    metrics
}

/// RFC 3339 in UTC. `None` for a moment beyond the calendar.
fn time(since_1970_ms: f64) -> Option<String> {
    jiff::Timestamp::from_millisecond(since_1970_ms as i64).ok().map(|time| time.to_string())
}
