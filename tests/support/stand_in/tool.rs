//! The tool call of a turn, and the ask that may come before it.

use serde_json::{Value, json};

use super::ids::{id, now};
use super::turn::{Aborted, FOREVER, Step, Turn, much};

impl Turn<'_> {
    /// The tool call of the turn, if it has one. Whether the model goes on afterwards.
    pub(super) fn tool(&self, step: &mut Step) -> Result<bool, Aborted> {
        let ask = self.faults.get("/turn/ask");
        let question = self.faults.get("/turn/question");
        let tool = self.faults.get("/turn/tool");
        let Some(fault) = ask.or(question).or(tool) else {
            return Ok(true);
        };
        let name = match (ask, question) {
            (Some(ask), _) => ask["permission"].as_str().unwrap_or("bash"),
            (_, Some(_)) => "question",
            _ => fault["name"].as_str().unwrap_or("bash"),
        };
        let input = match &fault["input"] {
            Value::Null => {
                json!({"command": fault["patterns"][0], "description": "Scripted command"})
            }
            input => input.clone(),
        };
        let call = id("call");
        let begun = now();
        let mut part = self.part(
            step,
            json!({
                "type": "tool", "callID": call, "tool": name,
                "state": {"status": "pending", "input": {}, "raw": ""},
            }),
        );
        step.completion_tokens += 1;
        let mut state = |value: Value| {
            part["state"] = value;
            self.update_part(part.clone());
        };
        let running = json!({"status": "running", "input": input, "time": {"start": begun}});
        let mut refused = None;
        if ask.is_some() || question.is_some() {
            let about = json!({"messageID": step.info["id"], "callID": call});
            let ask = self.ask(fault, question.is_some(), about);
            state(running);
            let reply = self.wait_for_reply(&ask)?;
            if reply["reply"] == "reject" {
                refused = Some(reply["message"].as_str().unwrap_or_default().to_owned());
            }
        } else {
            state(running);
        }
        let time = json!({"start": begun, "end": now()});
        let goes_on = match &refused {
            None => {
                let output = fault["output"].as_str().map(str::to_owned);
                let output = output.unwrap_or_else(|| much(fault["bytes"].as_u64()));
                let shown = &output[..output.len().min(30_000)];
                state(json!({
                    "status": "completed", "input": input, "output": output, "title": name,
                    "metadata": {"output": shown, "exit": 0, "truncated": false}, "time": time,
                }));
                true
            }
            Some(feedback) => {
                let error = "The user rejected permission to use this specific tool call";
                let error = if feedback.is_empty() {
                    format!("{error}.")
                } else {
                    format!("{error} with the following feedback: {feedback}")
                };
                state(json!({"status": "error", "input": input, "error": error, "time": time}));
                !feedback.is_empty()
            }
        };
        if goes_on {
            self.finish(step, "tool-calls");
            self.status(json!({"type": "busy"}));
            *step = self.begin();
            self.part(step, json!({"type": "step-start"}));
        }
        Ok(goes_on)
    }

    /// Puts an ask before the user and gives its id.
    fn ask(&self, fault: &Value, question: bool, about: Value) -> String {
        let mut ask = json!({"sessionID": self.conversation, "tool": about});
        let id = id(if question { "que" } else { "per" });
        ask["id"] = id.clone().into();
        let mut state = self.shared.lock();
        let kind = if question {
            let labels = fault["options"].as_array().into_iter().flatten();
            let options: Vec<Value> =
                labels.map(|label| json!({"label": label, "description": ""})).collect();
            ask["questions"] =
                json!([{"question": fault["question"], "header": "Scripted", "options": options}]);
            state.questions.push(ask.clone());
            "question.asked"
        } else {
            ask["permission"] = fault["permission"].clone();
            ask["patterns"] = fault["patterns"].clone();
            ask["metadata"] = json!({"command": fault["patterns"][0]});
            ask["always"] = fault["patterns"].clone();
            state.permissions.push(ask.clone());
            "permission.asked"
        };
        drop(state);
        self.shared.publish(kind, &self.directory, ask);
        id
    }

    fn wait_for_reply(&self, ask: &str) -> Result<Value, Aborted> {
        self.shared
            .wait(&self.conversation, FOREVER, |state| state.replies.remove(ask))
            .ok_or(Aborted)
    }
}
