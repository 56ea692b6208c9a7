//! What makes a task the task that it is, as a hash and as JSON.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Task, TaskLimits, Template};
use crate::bench::hash;
use crate::error::Result;

impl Task {
    /// The task as a plan holds it, with absolute paths and its hash: what `plan.json` stores and
    /// the plan's reader accepts.
    pub fn to_json(&self) -> Value {
        let template = match &self.template {
            Template::Empty => Value::Null,
            Template::Directory(path) => json!(path),
            Template::Git { url, reference } => json!({"git": url, "ref": reference}),
        };
        let mut value = self.keys();
        value["directory"] = json!(self.directory);
        value["template"] = template;
        value["hidden"] = json!(self.hidden);
        value["solution"] = json!(self.solution);
        value["sha256"] = json!(self.sha256);
        value
    }

    /// The hash of all that belongs to the task, as it is on disk at this moment: its keys with the
    /// plan's defaults, its directory, and what it names elsewhere. Where all that is does not
    /// matter. It is equal to `sha256` as long as nothing was changed since the plan was read.
    pub fn hash_now(&self) -> Result<String> {
        let mut trees = Vec::new();
        if let Some(directory) = &self.directory {
            trees.push(json!(["directory", hash::tree(directory)?]));
        }
        let template = match &self.template {
            Template::Directory(path) => Some(path),
            Template::Empty | Template::Git { .. } => None,
        };
        let folders = [
            ("template", template),
            ("hidden", self.hidden.as_ref()),
            ("solution", self.solution.as_ref()),
        ];
        for (what, path) in folders {
            let Some(path) = path else { continue };
            trees.push(match self.within(path) {
                Some(inner) => json!([what, "at", inner.to_string_lossy()]),
                None => json!([what, hash::tree(path)?]),
            });
        }
        let git = match &self.template {
            Template::Git { url, reference } => Some([url, reference]),
            Template::Empty | Template::Directory(_) => None,
        };
        Ok(hash::json(&json!({"keys": self.keys(), "trees": trees, "git": git})))
    }

    /// Where a path is within the task's directory, which is hashed as a whole.
    fn within(&self, path: &Path) -> Option<PathBuf> {
        let inner = path.strip_prefix(self.directory.as_ref()?).ok()?;
        let plain = inner.components().all(|one| matches!(one, std::path::Component::Normal(_)));
        // A link may lead anywhere, and it is hashed as a link.
        let whole = path.ancestors().take_while(|one| Some(*one) != self.directory.as_deref());
        let linked = whole.into_iter().any(Path::is_symlink);
        (plain && !linked).then(|| inner.to_path_buf())
    }

    /// The keys that are no paths.
    fn keys(&self) -> Value {
        json!({
            "id": self.id, "instruction": self.instruction, "setup": self.setup,
            "check": self.check, "answer": self.answer, "hide": self.hide,
            "protect": self.protect, "image": self.image, "tags": self.tags,
            "tries": self.tries, "env": self.env, "limits": self.limits.to_json(),
        })
    }
}

impl TaskLimits {
    /// As a plan has them.
    pub fn to_json(&self) -> Value {
        json!({"wall_s": self.wall_s, "working_s": self.working_s, "stall_s": self.stall_s,
               "setup_s": self.setup_s, "check_s": self.check_s, "cost_usd": self.cost_usd,
               "steps": self.steps})
    }
}
