//! Patches for SWE-bench's grader, a line of JSON each. That wants one line an instance, so each
//! repeat of each arm has a file of its own.

use std::collections::BTreeMap;
use std::io::Read;

use serde_json::json;

use super::folder::{NewFile, NewFolder};
use super::taken::{Lack, Made, Taken};
use crate::bench::results::line::{RunResult, Stop};
use crate::error::Result;

/// The largest patch that is read, in bytes. Its text is in memory twice.
const LARGEST_PATCH: u64 = 16 << 20;

/// The directory for OpenCode's own files, which are no part of an answer to a task of others.
const OWN: &str = ".opencode";

/// How a file's part of a patch begins.
const HEAD: &str = "diff --git ";

/// The files that are written.
pub struct Predictions<'a> {
    folder: &'a NewFolder,
    /// By arm and repeat. Only a few are ever open: the runs come repeat by repeat.
    open: BTreeMap<String, NewFile<'a>>,
    repeat: u32,
}

impl<'a> Predictions<'a> {
    /// None yet.
    pub fn new(folder: &'a NewFolder) -> Predictions<'a> {
        Predictions { folder, open: BTreeMap::new(), repeat: 0 }
    }

    /// Adds a run that has a patch.
    pub fn add(&mut self, taken: &Taken) -> Result<std::result::Result<Made, Lack>> {
        // The answer of a run whose check could not be made is an answer all the same.
        if taken.row.result == RunResult::Unscored && taken.row.stop != Stop::CheckError {
            return Ok(Err(Lack::Unscored));
        }
        let patch = match patch_of(taken) {
            Ok(patch) => patch,
            Err(lack) => return Ok(Err(lack)),
        };
        let repeat = taken.run.repeat;
        if repeat != self.repeat {
            std::mem::take(&mut self.open).into_values().try_for_each(NewFile::finish)?;
            self.repeat = repeat;
        }
        let name = format!("{}/{repeat}.jsonl", taken.arm.id);
        let file = match self.open.entry(name.clone()) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(self.folder.file(&name)?)
            }
        };
        file.json(&json!({
            "instance_id": taken.task.id, "model_name_or_path": taken.arm.id, "model_patch": patch,
        }))?;
        file.write("\n")?;
        Ok(Ok(Made { file: name, notes: Vec::new() }))
    }

    /// Ends the files.
    pub fn finish(self) -> Result<()> {
        self.open.into_values().try_for_each(NewFile::finish)
    }
}

fn patch_of(taken: &Taken) -> std::result::Result<String, Lack> {
    let open = taken.stored.as_ref().and_then(|stored| stored.open("answer.patch"));
    let (file, length) = open.ok_or(Lack::NoPatch)?;
    if length > LARGEST_PATCH {
        return Err(Lack::TooLarge);
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_PATCH).read_to_end(&mut bytes).map_err(|_| Lack::NoPatch)?;
    let text = String::from_utf8(bytes).map_err(|_| Lack::NotText)?;
    let patch = without_own_files(&text);
    if patch.trim().is_empty() { Err(Lack::NoPatch) } else { Ok(patch) }
}

/// A patch without what it says of OpenCode's own files; it ends with a newline. No other line of a
/// patch begins like the head of a file: lines of text have a mark before them, and those of binary
/// files have no blanks.
fn without_own_files(patch: &str) -> String {
    let mut kept = String::with_capacity(patch.len() + 1);
    let mut is_own = false;
    for line in patch.split_inclusive('\n') {
        if let Some(names) = line.strip_prefix(HEAD) {
            is_own = names_own_file(names);
        }
        if !is_own {
            kept.push_str(line);
        }
    }
    if !kept.is_empty() && !kept.ends_with('\n') {
        kept.push('\n');
    }
    kept
}

/// Whether the names in a head, `a/OLD b/NEW`, perhaps in quotes, have that directory.
fn names_own_file(names: &str) -> bool {
    names.split('/').skip(1).any(|part| {
        let part = part.trim_end();
        part == OWN || part.strip_prefix(OWN).is_some_and(|rest| rest.starts_with([' ', '"']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_ends_in_a_newline_and_has_nothing_of_opencode() {
        let part = |name: &str, text: &str| {
            format!(
                "diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -0,0 +1 @@\n{text}"
            )
        };
        let mine = part("src/.opencode.rs", "+diff --git a/.opencode/x b/.opencode/x\n");
        let last = part("my .opencodes/x", "+end");
        let quoted = "diff --git \"a/.opencode/\\303\\274\" \"b/.opencode/\\303\\274\"\n+x\n";
        let link = "diff --git a/.opencode b/.opencode\nnew file mode 120000\n+x\n";
        let all = [
            &part(".opencode/package.json", "+{}\n"),
            &*mine,
            quoted,
            link,
            &part("deep/.opencode/agents/x.md", "+no\n"),
            &last,
        ];
        assert_eq!(without_own_files(&all.concat()), format!("{mine}{last}\n"));
        assert_eq!(without_own_files(quoted), "");
        assert_eq!(without_own_files(""), "");
    }
}
