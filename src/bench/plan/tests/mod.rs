//! What plans are accepted, and what is said of those that are not.

mod documented;
mod same;
mod wrong;

use std::fs;
use std::path::{Path, PathBuf};

use super::Plan;
use crate::error::Result;

/// A directory with a few tasks, which is removed in the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Place {
        let root = std::env::temp_dir().join(format!("occtl-plan-{}", crate::random::id()));
        let place = Place(root);
        place.write("tasks/ok/instruction.md", "Do it.\n");
        place.write("tasks/ok/files/a", "1\n");
        place.write("tasks/ok/hidden/check.sh", "exit 0\n");
        place.write("tasks/ok/task.json", r#"{"check": ["sh", "check.sh"], "tags": ["x"]}"#);
        place.write("tasks/plain/instruction.md", "And that.\n");
        place.write("overlay/AGENTS.md", "Be brief.\n");
        place
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Reads a plan of this text in this directory.
    fn read(&self, text: &str) -> Result<Plan> {
        Plan::read(&self.write("plan.json", text))
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(&self.0).unwrap().join(Path::new(name))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
