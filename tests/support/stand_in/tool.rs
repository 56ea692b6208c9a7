//! The tool call of a turn, and the ask that may come before it.

use serde_json::{Value, json};

use super::ids::{id, now};
use super::turn::{Aborted, FOREVER, Step, Turn, much};

/// The tool part of a message while its state changes.
struct Call<'a> {
    turn: &'a Turn<'a>,
    part: Value,
    input: Value,
    begun: u64,
}

impl Call<'_> {
    fn state(&mut self, state: Value) {
        self.part["state"] = state;
        self.turn.update_part(self.part.clone());
    }

    fn run(&mut self) {
        let time = json!({"start": self.begun});
        self.state(json!({"status": "running", "input": self.input, "time": time}));
    }

    fn complete(&mut self, output: &str) {
        let shown = &output[..output.len().min(30_000)];
        let time = json!({"start": self.begun, "end": now()});
        self.state(json!({
            "status": "completed", "input": self.input, "output": output,
            "title": self.part["tool"], "time": time,
            "metadata": {"output": shown, "exit": 0, "truncated": false},
        }));
    }

    fn reject(&mut self, feedback: &str) {
        let error = "The user rejected permission to use this specific tool call";
        let error = if feedback.is_empty() {
            format!("{error}.")
        } else {
            format!("{error} with the following feedback: {feedback}")
        };
        let time = json!({"start": self.begun, "end": now()});
        self.state(json!({"status": "error", "input": self.input, "error": error, "time": time}));
    }
}

impl<'a> Turn<'a> {
    /// Makes the tool call of the turn, if it has one. Says whether the model goes on afterwards.
    pub(super) fn tool(&'a self, step: &mut Step) -> Result<bool, Aborted> {
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
        let mut call = self.call(step, name, fault);
        let mut refused = None;
        if ask.is_some() || question.is_some() {
            let about = json!({"messageID": step.info["id"], "callID": call.part["callID"]});
            let ask = self.ask(fault, question.is_some(), about);
            call.run();
            let reply = self.wait_for_reply(&ask)?;
            if reply["reply"] == "reject" {
                refused = Some(reply["message"].as_str().unwrap_or_default().to_owned());
            }
        } else {
            call.run();
        }
        if let Some(feedback) = &refused {
            call.reject(feedback);
        } else {
            let output = fault["output"].as_str().map(str::to_owned);
            call.complete(&output.unwrap_or_else(|| much(fault["bytes"].as_u64())));
        }
        // Without feedback a rejection ends the turn.
        let goes_on = refused.is_none_or(|feedback| !feedback.is_empty());
        if goes_on {
            self.finish(step, "tool-calls");
            self.status(json!({"type": "busy"}));
            *step = self.begin();
            self.part(step, json!({"type": "step-start"}));
        }
        Ok(goes_on)
    }

    /// Adds the part of a tool call that has not begun yet.
    fn call(&'a self, step: &mut Step, name: &str, fault: &Value) -> Call<'a> {
        let input = match &fault["input"] {
            Value::Null => {
                json!({"command": fault["patterns"][0], "description": "Scripted command"})
            }
            input => input.clone(),
        };
        let content = json!({
            "type": "tool", "callID": id("call"), "tool": name,
            "state": {"status": "pending", "input": {}, "raw": ""},
        });
        step.completion_tokens += 1;
        Call { turn: self, begun: now(), part: self.part(step, content), input }
    }

    /// Lets the user be asked, and gives the id of the ask.
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
