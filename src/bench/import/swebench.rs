//! Instances of SWE-bench: a repository, a commit and what is wrong there. How they are graded
//! stays with SWE-bench's own harness.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::candidate::{Candidate, Draft, Found, Refusal};
use super::order::{ImportOptions, Surroundings};
use crate::bench::task::read::is_id;
use crate::error::{Error, Result};
use crate::runner::programs::{Ending, attend_fed};
use crate::units::Deadline;

/// The longest line: an instance with its patches has some hundred kilobytes.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// How long git may take to look for the commits of one repository.
const GIT_TAKES: Duration = Duration::from_secs(120);

/// One line that can be a task.
struct Instance {
    id: String,
    repository: String,
    commit: String,
    statement: String,
}

type Line = std::result::Result<Instance, String>;

/// Finds the instances of a file.
pub fn find(options: &ImportOptions, around: &Surroundings) -> Result<Found> {
    let clones = options.clones.as_deref().unwrap_or(Path::new("."));
    let lines = lines(&options.source)?;
    let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for instance in lines.iter().filter_map(|(_, line)| line.as_ref().ok()) {
        wanted.entry(&instance.repository).or_default().push(&instance.commit);
    }
    let mut found: BTreeMap<String, std::result::Result<(PathBuf, HashSet<String>), String>> =
        BTreeMap::new();
    for (repository, commits) in wanted {
        around.expect_running()?;
        let there = match clone_of(clones, repository) {
            Some(path) => commits_in(&path, &commits, around)?.map(|commits| (path, commits)),
            None => Err(format!("no clone of {repository} is in {}", clones.display())),
        };
        found.insert(repository.to_owned(), there);
    }
    let mut candidates = Vec::new();
    let mut seen = HashSet::new();
    for (name, line) in lines {
        let made = line.and_then(|instance| {
            if !seen.insert(instance.id.clone()) {
                return Err("stands there twice".into());
            }
            match &found[&instance.repository] {
                Ok((path, commits)) if commits.contains(&instance.commit) => {
                    Ok((instance, path.clone()))
                }
                Ok((path, _)) => {
                    let shown = path.display();
                    Err(format!("{shown} has no commit {}; git fetch may help", instance.commit))
                }
                Err(why) => Err(why.clone()),
            }
        });
        let make = move |_: &Path| match &made {
            Ok((instance, path)) => Ok(draft(instance, path)),
            Err(reason) => Err(Refusal::Task(reason.clone())),
        };
        candidates.push(Candidate { id: name.clone(), name, make: Box::new(make) });
    }
    let hint = None;
    Ok(Found { candidates, hint })
}

fn draft(instance: &Instance, path: &Path) -> Draft {
    let repository = &instance.repository;
    Draft {
        instruction: format!(
            "This is the source of {repository}. Solve the following issue by changing it.\n\n{}\n",
            instance.statement.trim()
        ),
        keys: json!({"template": {"git": path, "ref": instance.commit}, "tags": [repository]}),
        workdir: None,
        notes: Vec::new(),
    }
}

/// The lines, each with the name that errors have for it.
fn lines(path: &Path) -> Result<Vec<(String, Line)>> {
    let failed = |error| Error::usage(format!("{} cannot be read: {error}", path.display()));
    let mut reader = BufReader::new(File::open(path).map_err(failed)?);
    let mut found = Vec::new();
    let mut number = 0;
    loop {
        let mut bytes = Vec::new();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes);
        if read.map_err(failed)? == 0 {
            break;
        }
        number += 1;
        if bytes.len() as u64 == LONGEST_LINE {
            let message = format!("{}:{number}: is longer than 16 MiB", path.display());
            return Err(Error::usage(message).hint("SWE-bench has one instance a line"));
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        let value: Option<Value> = serde_json::from_slice(&bytes).ok();
        if number == 1 && !value.as_ref().is_some_and(Value::is_object) {
            let message = format!("{}:1: is no JSON object", path.display());
            return Err(Error::usage(message).hint(
                "looked for an instance a line, with instance_id, repo, base_commit and \
                 problem_statement; `jq -c '.[]'` makes lines of a list",
            ));
        }
        let line = value.ok_or_else(|| "is no JSON; was the file copied as a whole?".to_string());
        let name = line.as_ref().ok().and_then(|value| value["instance_id"].as_str());
        let name = name.map_or_else(|| format!("line {number}"), String::from);
        found.push((name, line.and_then(|value| instance(&value))));
    }
    if found.is_empty() {
        return Err(Error::usage(format!("{} has no instances", path.display())));
    }
    Ok(found)
}

fn instance(value: &Value) -> Line {
    let text = |key: &str| match value[key].as_str().filter(|text| !text.trim().is_empty()) {
        Some(text) if text.contains('\0') => Err(format!("its {key} contains NUL")),
        Some(text) => Ok(text.to_owned()),
        None => Err(format!("has no {key}")),
    };
    let id = text("instance_id")?;
    if !is_id(&id) {
        return Err("its instance_id cannot be the id of a task, by which verdicts find it".into());
    }
    let commit = text("base_commit")?;
    let is_name = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_name {
        return Err("its base_commit is no full name of a commit".into());
    }
    // FAIL_TO_PASS and PASS_TO_PASS.
    let mut tests = value.as_object().into_iter().flatten();
    if let Some((key, _)) = tests.find(|(key, tests)| key.ends_with("_TO_PASS") && !is_list(tests))
    {
        return Err(format!("its {key} is neither a list nor a string that holds one"));
    }
    let repository = text("repo")?;
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    if !repository.split('/').all(is_plain) {
        return Err(format!("its repo is {repository:?}"));
    }
    Ok(Instance { id, repository, commit, statement: text("problem_statement")? })
}

/// Whether a value is a list, or a string that holds one as JSON. What it names is for the grader;
/// a set without it has no verdicts to come.
fn is_list(value: &Value) -> bool {
    match value {
        Value::Null | Value::Array(_) => true,
        Value::String(text) => {
            matches!(serde_json::from_str(text), Ok(Value::Array(_)))
        }
        _ => false,
    }
}

/// The clone of `owner/name`, by the names that clones usually have.
fn clone_of(clones: &Path, repository: &str) -> Option<PathBuf> {
    let short = repository.rsplit('/').next().unwrap_or(repository);
    let names = [repository.to_owned(), repository.replace('/', "__"), short.to_owned()];
    let names = names.iter().flat_map(|name| [name.clone(), format!("{name}.git")]);
    let is_clone = |path: &PathBuf| path.join(".git").exists() || path.join("objects").is_dir();
    let found = names.map(|name| clones.join(name)).find(is_clone)?;
    std::fs::canonicalize(found).ok().filter(|path| path.to_str().is_some())
}

/// Which of these commits a clone has.
fn commits_in(
    path: &Path,
    commits: &[&str],
    around: &Surroundings,
) -> Result<std::result::Result<HashSet<String>, String>> {
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*", "cat-file", "--batch-check"]).current_dir(path).env_clear();
    if let Some(path) = around.environment.get("PATH") {
        git.env("PATH", path);
    }
    // No settings of a user, and nothing is fetched for a clone that has only a part.
    git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_NO_LAZY_FETCH", "1").env("LC_ALL", "C");
    git.env("GIT_NO_REPLACE_OBJECTS", "1").env("HOME", "/nonexistent");
    let asked: String = commits.iter().map(|commit| format!("{commit}^{{tree}}\n")).collect();
    let stopped = || (around.signal)().is_some();
    let ended = attend_fed(&mut git, asked.as_bytes(), Deadline::after(GIT_TAKES), &stopped);
    let ended = ended.map_err(|error| Error::failed(format!("cannot run git: {error}")))?;
    match ended.ending {
        Ending::Stopped => around.expect_running()?,
        Ending::Status(status) if status.success() => {
            let output = String::from_utf8_lossy(&ended.output).into_owned();
            let lines = output.lines().zip(commits);
            let there = lines.filter(|(line, _)| !line.ends_with(" missing"));
            return Ok(Ok(there.map(|(_, commit)| (*commit).to_owned()).collect()));
        }
        Ending::Status(_) | Ending::TimedOut => {}
    }
    let words = String::from_utf8_lossy(&ended.words).trim().to_owned();
    Ok(Err(format!("{} cannot be read by git: {words}", path.display())))
}
