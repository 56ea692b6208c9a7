//! The command that goes before agents and checks, and the one that ends what it started.

use super::Plan;
use crate::bench::json::{Object, Piece};
use crate::error::Result;
use crate::runner::nearest::nearest;

/// What stands for something in `wrap` and `wrap_kill`.
const PLACEHOLDERS: [&str; 5] = ["run", "occtl", "opencode", "name", "image"];

impl Plan {
    /// Reads both commands, when the tasks are known.
    pub(super) fn read_wrap(&mut self, object: &Object) -> Result<()> {
        let command = |key: &str| match object.some(key) {
            Some(piece) => checked(&piece),
            None => Ok(Vec::new()),
        };
        self.wrap = command("wrap")?;
        self.wrap_kill = command("wrap_kill")?;
        agree(object, self)
    }
}

/// Whether the two commands and the tasks fit together.
fn agree(object: &Object, plan: &Plan) -> Result<()> {
    let has = |words: &[String], name: &str| words.iter().any(|word| word.contains(name));
    if let Some(piece) = object.some("wrap_kill").filter(|_| !plan.wrap_kill.is_empty()) {
        if plan.wrap.is_empty() {
            return Err(piece.wrong("ends what wrap started, and there is no wrap"));
        }
        if has(&plan.wrap_kill, "{name}") && !has(&plan.wrap, "{name}") {
            return Err(piece.wrong("names {name}, which wrap gives to nothing"));
        }
    }
    let without = plan.tasks.iter().find(|task| task.image.is_none());
    if let (Some(piece), Some(task)) = (object.some("wrap"), without)
        && has(&plan.wrap, "{image}")
    {
        let error = piece.wrong(&format!("names {{image}}, and the task {} has none", task.id));
        return Err(error.hint("\"image\" is a key of a task, and of the plan's defaults"));
    }
    Ok(())
}

fn checked(piece: &Piece) -> Result<Vec<String>> {
    let words = piece.command()?;
    for name in words.iter().flat_map(|word| placeholders(word)) {
        if PLACEHOLDERS.contains(&name) {
            continue;
        }
        let error = piece.wrong(&format!("names {{{name}}}, which stands for nothing"));
        return Err(error.hint(match nearest(name, PLACEHOLDERS.into_iter()) {
            Some(meant) => format!("did you mean {{{meant}}}?"),
            None => "there are {run}, {occtl}, {opencode}, {name} and {image}".into(),
        }));
    }
    Ok(words)
}

/// The names in `{name}`. Of a shell's `${name}` and of a format's `{{.Name}}` there are none.
fn placeholders(word: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in word.match_indices('{') {
        if word[..at].ends_with(['$', '{']) {
            continue;
        }
        let Some(end) = word[at..].find('}') else { continue };
        let name = &word[at + 1..at + end];
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            found.push(name);
        }
    }
    found
}
