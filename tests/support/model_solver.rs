//! Lets the scripted model solve tasks of a benchmark: sometimes, and always in the same share.
//!
//! It knows the tasks by their instructions and writes their solutions. The model `good` leaves one
//! in four alone, and `poor` solves one in four; which ones depends on the task and on how often
//! the model was asked for it, not on the order in which runs happen to come.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::json;

use super::model_script::{Action, Step, words};

/// The tasks of a directory, and how often each model was asked for each.
pub struct Solver {
    tasks: Vec<Task>,
    asked: HashMap<(String, usize), usize>,
    is_steady: bool,
}

struct Task {
    instruction: String,
    /// A command that writes the solution.
    command: String,
}

impl Solver {
    /// Reads the tasks below a directory, in the order of their names.
    pub fn read(directory: &Path) -> io::Result<Solver> {
        let mut places = Vec::new();
        for entry in fs::read_dir(directory)? {
            places.push(entry?.path());
        }
        places.sort();
        let mut tasks = Vec::new();
        for place in places {
            let instruction = fs::read_to_string(place.join("instruction.md"))?;
            let mut command = String::new();
            for file in fs::read_dir(place.join("solution"))? {
                let file = file?.path();
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let text = fs::read_to_string(&file)?;
                let _ = write!(command, "cat >'{name}' <<'END_OF_FILE'\n{text}END_OF_FILE\n");
            }
            tasks.push(Task { instruction: instruction.trim().to_owned(), command });
        }
        Ok(Solver { tasks, asked: HashMap::new(), is_steady: false })
    }

    /// From now on it does the same each time that it is asked for a task, so that a run that was
    /// interrupted ends as it would have otherwise.
    pub fn steady(mut self) -> Solver {
        self.is_steady = true;
        self
    }

    /// What the model does at a step of a turn with that text; `None` if it is no task.
    pub fn step(&mut self, model: &str, text: &str, step: usize) -> Option<Step> {
        let place = self.tasks.iter().position(|task| text.contains(&task.instruction))?;
        let say = |text: &str| vec![Action::Say { deltas: words(text), pause_ms: 0 }];
        if step > 0 {
            return Some(say("It is done."));
        }
        let asked = self.asked.entry((model.to_owned(), place)).or_default();
        let is_fourth = (place + *asked).is_multiple_of(4);
        *asked += usize::from(!self.is_steady);
        if is_fourth == (model == "good") {
            return Some(say("I leave it as it is."));
        }
        let command = &self.tasks[place].command;
        let arguments = json!({"command": command, "description": "Writes the solution"});
        Some(vec![Action::Call { tool: "bash".into(), arguments }])
    }
}
