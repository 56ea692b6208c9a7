//! What a Dockerfile says of the working directory, and of the files that it puts there.
//!
//! Nothing is built: `COPY` and `ADD` of plain files are done, and the rest is told.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::super::candidate::Refusal;
use super::super::source::copy;
use crate::bench::glob;
use crate::sorting;

/// The last stage of a Dockerfile.
#[derive(Debug, Default, PartialEq)]
pub struct Dockerfile {
    /// The working directory at its end.
    pub workdir: Option<String>,
    copies: Vec<Copies>,
    /// What is not done, as it stands there.
    left: Vec<String>,
    /// Whether commands run while it is built.
    runs: bool,
}

/// One `COPY`.
#[derive(Debug, PartialEq)]
struct Copies {
    sources: Vec<String>,
    /// Absolute; with a slash at its end where it must be a directory.
    onto: String,
}

impl Dockerfile {
    /// Reads one.
    pub fn read(text: &str) -> Dockerfile {
        let mut read = Dockerfile::default();
        for instruction in instructions(text) {
            let (word, rest) =
                instruction.split_once(char::is_whitespace).unwrap_or((&instruction, ""));
            let rest = rest.trim();
            match word.to_ascii_uppercase().as_str() {
                "FROM" => read = Dockerfile::default(),
                "WORKDIR" => read.workdir = Some(read.absolute(rest.trim_matches('"'))),
                "COPY" | "ADD" => match read.copies_of(rest) {
                    Some(copies) => read.copies.push(copies),
                    None => read.left.push(instruction.clone()),
                },
                "RUN" => read.runs = true,
                _ => {}
            }
        }
        read
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.into();
        }
        let path = path.strip_prefix("./").unwrap_or(if path == "." { "" } else { path });
        format!("{}/{path}", self.workdir.as_deref().unwrap_or("").trim_end_matches('/'))
    }

    fn copies_of(&self, rest: &str) -> Option<Copies> {
        let words: Vec<String> = match rest.starts_with('[') {
            true => serde_json::from_str(rest).ok()?,
            false => rest.split_whitespace().map(String::from).collect(),
        };
        let is_flag = |word: &&String| word.starts_with("--");
        if words.iter().take_while(is_flag).any(|flag| flag.starts_with("--from=")) {
            return None;
        }
        let mut words: Vec<String> = words.iter().skip_while(is_flag).cloned().collect();
        let onto = words.pop()?;
        let is_odd = |word: &String| word.contains(['$', '"', '<']) || word.contains("://");
        if words.is_empty() || words.iter().any(is_odd) || is_odd(&onto) {
            return None;
        }
        let onto = if onto == "." { "./".into() } else { onto };
        Some(Copies { sources: words, onto: self.absolute(&onto) })
    }

    /// Lays into `files` what belongs into the working directory, and tells what else there is.
    pub fn lay(
        &self,
        context: &Path,
        workdir: &str,
        files: &Path,
    ) -> std::result::Result<Vec<String>, Refusal> {
        let mut left = self.left.clone();
        for one in &self.copies {
            if !lay_one(one, context, workdir, files)? {
                left.push(format!("COPY {} {}", one.sources.join(" "), one.onto));
            }
        }
        let mut notes = Vec::new();
        if !left.is_empty() {
            notes.push(format!("its Dockerfile copies what is not taken: {}", left.join("; ")));
        }
        if self.runs {
            notes.push(
                "its Dockerfile runs commands: what they install must be on this machine, or in a \
                 container that wrap starts"
                    .into(),
            );
        }
        Ok(notes)
    }
}

/// False if it puts nothing into the working directory, or what cannot be told without building.
fn lay_one(
    one: &Copies,
    context: &Path,
    workdir: &str,
    files: &Path,
) -> std::result::Result<bool, Refusal> {
    let Ok(inner) = Path::new(&one.onto).strip_prefix(workdir) else { return Ok(false) };
    let mut found: Vec<PathBuf> = Vec::new();
    for source in &one.sources {
        match matching(context, source) {
            Some(paths) => found.extend(paths),
            None => return Ok(false),
        }
    }
    let plain = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    if found.is_empty() || !plain(inner) {
        return Ok(false);
    }
    let into_directory = one.onto.ends_with('/') || inner == Path::new("") || found.len() > 1;
    for path in found {
        let onto = files.join(inner);
        let whole = context.join(&path);
        // Of a directory Docker copies what is in it.
        let onto = match path.file_name() {
            Some(name) if into_directory && !whole.is_dir() => onto.join(name),
            _ => onto,
        };
        copy(&whole, &onto, &|_| false)?;
    }
    Ok(true)
}

/// The paths of the context that a source names; `None` if it leaves the context.
fn matching(context: &Path, source: &str) -> Option<Vec<PathBuf>> {
    let names = Path::new(source)
        .components()
        .filter(|part| !matches!(part, Component::RootDir | Component::CurDir));
    let mut found = vec![PathBuf::new()];
    for name in names {
        let Component::Normal(name) = name else { return None };
        let pattern = name.to_str()?;
        found = found
            .into_iter()
            .flat_map(|parent| {
                if !glob::is_pattern(pattern) {
                    return vec![parent.join(pattern)];
                }
                let entries = fs::read_dir(context.join(&parent)).into_iter().flatten().flatten();
                let names = entries.map(|entry| entry.file_name());
                names
                    .filter(|name| glob::matches(pattern, name.as_bytes()))
                    .map(|name| parent.join(name))
                    .collect()
            })
            .collect();
    }
    found.retain(|path| context.join(path).exists());
    sorting::sort(&mut found);
    Some(found)
}

/// The instructions, each on one line, without comments. What a heredoc holds is left out.
fn instructions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut whole = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            whole.push_str(part);
            whole.push(' ');
            continue;
        }
        whole.push_str(line);
        if let Some((_, word)) = whole.split_once("<<") {
            let word = word.trim_start_matches('-').trim_start_matches(['"', '\'']);
            let end: String =
                word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if !end.is_empty() {
                lines.by_ref().take_while(|line| line.trim() != end).for_each(drop);
            }
        }
        found.push(std::mem::take(&mut whole).trim().to_owned());
    }
    if !whole.is_empty() {
        found.push(whole.trim().to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_says_where_files_go() {
        let text = "FROM a AS build\nWORKDIR /build\nCOPY x .\n# a comment\nFROM debian\n\
                    WORKDIR /srv\nworkdir app\nCOPY --chown=1:1 one \\\n  two ./data/\n\
                    COPY --from=build /x /srv/app/x\nADD [\"a b\", \".\"]\n\
                    RUN <<EOF\nCOPY not this\nEOF\nCOPY $X .\n";
        let read = Dockerfile::read(text);
        assert_eq!(read.workdir.as_deref(), Some("/srv/app"));
        assert!(read.runs);
        let copies = |sources: &[&str], onto: &str| Copies {
            sources: sources.iter().map(|source| (*source).into()).collect(),
            onto: onto.into(),
        };
        let expected = [copies(&["one", "two"], "/srv/app/data/"), copies(&["a b"], "/srv/app/")];
        assert_eq!(read.copies, expected);
        assert_eq!(read.left, ["COPY --from=build /x /srv/app/x", "COPY $X ."]);
    }
}
