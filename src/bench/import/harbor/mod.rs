//! Tasks of Harbor: `task.toml`, `instruction.md`, `environment/`, `tests/`, `solution/`.

mod canary;
mod dockerfile;
mod keys;
mod refused;
mod shim;
mod toml;

use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use super::candidate::{Candidate, Draft, Found, Made, Refusal};
use super::order::Surroundings;
use super::plan::SHOWN;
use super::source::{self, copy, directories, has, survey};
use crate::error::{Error, Result};
use dockerfile::Dockerfile;
use keys::Keys;

/// What a directory of a task holds; one of these makes it one.
const PARTS: [&str; 6] =
    ["task.toml", "instruction.md", "tests", "environment", "solution", "steps"];

/// Where tasks are that name no working directory.
const USUAL_WORKDIR: &str = "/app";

/// Places of the sandbox that cannot be a task's working directory.
const TAKEN: [&str; 8] = ["/", "/dev", "/proc", "/sys", "/run", "/tests", "/logs", "/solution"];

/// Finds the tasks of a source: itself, its directories, or those of its directory `tasks`.
pub fn find(source: &Path, around: &Surroundings) -> Result<Found> {
    let places = places(source)?;
    let mut texts = Vec::new();
    for (_, path) in &places {
        texts.push(source::optional_text(path, "task.toml"));
    }
    let given: Vec<&str> = texts.iter().filter_map(|text| text.as_ref().ok()?.as_deref()).collect();
    let (read, hint) = toml::read(&given, around)?;
    let mut read = read.into_iter();
    let mut candidates = Vec::new();
    for ((name, path), text) in places.into_iter().zip(texts) {
        let settings = match text {
            Ok(Some(text)) => {
                let value = read.next().unwrap_or(Err(toml::Fault::NoPython));
                Ok((text, value))
            }
            Ok(None) => Err("has no task.toml; was it copied as a whole?".into()),
            Err(Refusal::Task(reason)) => Err(reason),
            Err(Refusal::All(error)) => return Err(error),
        };
        let id = name.clone();
        let make = move |onto: &Path| match &settings {
            Ok((text, value)) => make(&path, onto, text, value),
            Err(reason) => Err(Refusal::Task(reason.clone())),
        };
        candidates.push(Candidate { name, id, make: Box::new(make) });
    }
    Ok(Found { candidates, hint })
}

fn places(source: &Path) -> Result<Vec<(String, PathBuf)>> {
    if has(source, "task.toml") {
        let whole = std::fs::canonicalize(source).unwrap_or_else(|_| source.into());
        let name = whole.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![(name, whole)]);
    }
    for set in [source.to_path_buf(), source.join("tasks")] {
        let inner = if set.is_dir() { directories(&set)? } else { Vec::new() };
        if !inner.iter().any(|(_, path)| has(path, "task.toml")) {
            continue;
        }
        let is_empty = |path: &Path| path.read_dir().is_ok_and(|mut all| all.next().is_none());
        let is_part = |path: &Path| PARTS.iter().any(|part| has(path, part)) || is_empty(path);
        return Ok(inner.into_iter().filter(|(_, path)| is_part(path)).collect());
    }
    let message = format!("{} has no tasks of Harbor", source.display());
    Err(Error::usage(message).hint(
        "looked for task.toml, */task.toml and tasks/*/task.toml; of terminal-bench 1, \
         `harbor task migrate` makes them",
    ))
}

fn make(path: &Path, onto: &Path, text: &str, value: &toml::Settings) -> Made {
    source::expect_own(path)?;
    let beside;
    let value = match value {
        Ok(value) => value,
        Err(toml::Fault::Wrong(why)) => return Err(format!("task.toml{why}").into()),
        Err(toml::Fault::NoPython) => {
            beside = toml::beside(path)?;
            &beside
        }
    };
    let keys = Keys { value, text };
    refused::expect_possible(path, &keys)?;
    let instruction = canary::without(&source::text(path, "instruction.md")?);
    let mut notes = notes(&keys);
    for part in ["tests", "solution", "environment"] {
        if has(path, part) {
            survey(&path.join(part), part)?;
        }
    }
    if !path.join("tests/test.sh").is_file() {
        return Err("has no tests/test.sh".to_string().into());
    }
    let dockerfile = match has(path, "environment/Dockerfile") {
        true => Dockerfile::read(&source::text(path, "environment/Dockerfile")?),
        false => Dockerfile::default(),
    };
    let named = keys.word("environment.workdir")?.or_else(|| dockerfile.workdir.clone());
    let workdir = workdir(&named.unwrap_or_else(|| USUAL_WORKDIR.into()))?;
    let environment = path.join("environment");
    if environment.is_dir() {
        copy(&environment, &onto.join("environment"), &|_| false)?;
        notes.extend(dockerfile.lay(&environment, &workdir, &onto.join("files"))?);
    }
    copy(&path.join("tests"), &onto.join("hidden/.harbor/tests"), &|_| false)?;
    let verifier = keys.variables("verifier.env", &mut notes)?;
    shim::write_check(&onto.join("hidden/.harbor"), &workdir, &verifier)?;
    if path.join("solution/solve.sh").is_file() {
        copy(&path.join("solution"), &onto.join("solution"), &|_| false)?;
        shim::prepare_solution(
            &onto.join("solution"),
            &keys.variables("solution.env", &mut notes)?,
        )?;
    }
    let mut task = json!({
        "check": [".harbor/check.sh"], "protect": [".harbor"], "tags": keys.tags()?,
        "env": keys.variables("environment.env", &mut notes)?, "limits": keys.limits()?,
    });
    if let Some(image) = keys.word("environment.docker_image")? {
        task["image"] = json!(image);
    }
    Ok(Draft { instruction, keys: task, workdir: Some(workdir), notes })
}

/// What a task asks for that is not done.
fn notes(keys: &Keys) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |key: &str, what: &str| {
        let is_set = match keys.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty() && text != "root",
            Some(_) => true,
        };
        if is_set {
            notes.push(format!("{key} has no effect: {what}"));
        }
    };
    note("agent.user", "the agent runs as you");
    note("verifier.user", "the check runs as you");
    note("environment.skills_dir", "an arm's overlay gives skills to the agent");
    if keys.get("environment.docker_image").is_some_and(|image| image != "") {
        notes.push(
            "what its image has in the working directory is not in files/: copy it out of a \
             container (docker cp)"
                .into(),
        );
    }
    notes
}

/// A working directory as the plan can mount it.
fn workdir(named: &str) -> std::result::Result<String, Refusal> {
    let path = Path::new(named);
    let plain: PathBuf = path.components().collect();
    let is_plain = plain.is_absolute()
        && plain.components().skip(1).all(|part| matches!(part, Component::Normal(_)))
        && !named.contains(['$', '{', '}'])
        && !named.contains(char::is_control);
    if !is_plain {
        return Err(format!("its working directory cannot be mounted: {named:?}").into());
    }
    let within =
        |outer: &&str| plain.starts_with(outer) && (*outer != "/" || plain == Path::new("/"));
    if plain == Path::new("/tmp") || SHOWN.iter().chain(&TAKEN).any(within) {
        return Err(format!("its working directory {named} is taken by the sandbox itself").into());
    }
    Ok(plain.to_string_lossy().into_owned())
}
