//! Reads a task: its own keys, then the plan's defaults, then what holds for every task.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Task, TaskLimits, Template};
use crate::bench::glob;
use crate::bench::json::{Object, Piece, Source};
use crate::bench::variables;
use crate::error::{Error, Result};
use crate::runner::nearest::nearest;

/// The keys of a task within a plan. All but `id` may stand in `defaults` as well.
pub const KEYS: [&str; 15] = [
    "id",
    "instruction",
    "template",
    "setup",
    "check",
    "solution",
    "answer",
    "hide",
    "hidden",
    "protect",
    "image",
    "tags",
    "tries",
    "env",
    "limits",
];

/// The keys that a task has besides in a plan that was resolved before.
const RESOLVED_KEYS: [&str; 2] = ["directory", "sha256"];

/// The longest time that may be given, in seconds: a year.
const LONGEST_S: f64 = 31_536_000.0;

/// Names that a task's directory gives a meaning to.
const FOLDERS: [&str; 3] = ["files", "hidden", "solution"];

/// Where the keys of one task come from.
struct Keys<'a> {
    own: Option<&'a Object<'a>>,
    defaults: Option<&'a Object<'a>>,
    /// Where its files are.
    directory: Option<&'a Path>,
    /// What errors about a missing key call it.
    name: String,
}

/// Checks the keys of a plan's `defaults`.
pub fn defaults<'a>(piece: &Piece<'a>) -> Result<Object<'a>> {
    let object = piece.object(&KEYS[1..])?;
    let keys = Keys { own: Some(&object), defaults: None, directory: None, name: String::new() };
    // A wrong default is told by its own line, whether or not a task uses it.
    keys.task("defaults".into(), Some(String::new())).map(drop)?;
    Ok(object)
}

/// Reads the task of a directory. Its hash is not taken yet.
pub fn directory(directory: &Path, defaults: Option<&Object>) -> Result<Task> {
    check_folders(directory)?;
    let path = directory.join("task.json");
    let bytes = file(&path)?;
    let source = bytes.map(|bytes| source(&path, bytes, directory)).transpose()?;
    let object = source.as_ref().map(|source| source.whole()?.object(&KEYS)).transpose()?;
    let name = path.display().to_string();
    let keys = Keys { own: object.as_ref(), defaults, directory: Some(directory), name };
    let id = match object.as_ref().and_then(|object| object.get("id")) {
        Some(piece) => id(&piece)?,
        None => {
            let name = directory.file_name().unwrap_or_default().to_string_lossy();
            if !is_id(&name) {
                let message = format!("{} is no name for a task", directory.display());
                return Err(Error::usage(message)
                    .hint("give it an \"id\" of letters, digits, . _ and - in its task.json"));
            }
            name.into_owned()
        }
    };
    let instruction = directory.join("instruction.md");
    let text = file(&instruction)?.map(|bytes| utf8(&instruction, bytes)).transpose()?;
    keys.task(id, text)
}

/// Reads a task that stands within the plan. Its hash is not taken yet.
pub fn inline(piece: &Piece, defaults: Option<&Object>) -> Result<Task> {
    let object = piece.object(&KEYS)?;
    let id = id(&object.required("id")?)?;
    let name = piece.place.clone();
    Keys { own: Some(&object), defaults, directory: None, name }.task(id, None)
}

/// Reads a task as [`Task::to_json`] writes it. Nothing is looked for on disk.
pub fn resolved(piece: &Piece) -> Result<Task> {
    let object = piece.object(&[&KEYS[..], &RESOLVED_KEYS].concat())?;
    let id = id(&object.required("id")?)?;
    let name = piece.place.clone();
    let keys = Keys { own: Some(&object), defaults: None, directory: None, name };
    let mut task = keys.task(id, None)?;
    task.directory = object.some("directory").map(|piece| piece.path()).transpose()?;
    task.sha256 = object.required("sha256")?.word()?;
    Ok(task)
}

impl Keys<'_> {
    fn get(&self, key: &str) -> Option<Piece<'_>> {
        let own = self.own.and_then(|object| object.get(key));
        own.or_else(|| self.defaults.and_then(|object| object.get(key)))
    }

    fn some(&self, key: &str) -> Option<Piece<'_>> {
        self.get(key).filter(|piece| !piece.is_null())
    }

    fn task(&self, id: String, instruction: Option<String>) -> Result<Task> {
        Ok(Task {
            id,
            directory: self.directory.map(Path::to_path_buf),
            instruction: self.instruction(instruction)?,
            template: self.template()?,
            setup: self.command("setup")?,
            check: self.command("check")?,
            solution: self.folder("solution")?,
            answer: self.globs("answer")?,
            hide: self.globs("hide")?,
            hidden: self.folder("hidden")?,
            protect: self.globs("protect")?,
            image: self.some("image").map(|piece| piece.word()).transpose()?,
            tags: self.some("tags").map_or(Ok(Vec::new()), |piece| piece.words())?,
            tries: self.some("tries").map_or(Ok(1), |piece| piece.whole(1, 100))? as u32,
            env: self.env()?,
            limits: self.limits()?,
            sha256: String::new(),
        })
    }

    /// The task's own text, its file, or the plan's default.
    fn instruction(&self, file: Option<String>) -> Result<String> {
        let own = self.own.and_then(|object| object.get("instruction"));
        if let (Some(own), Some(_), Some(_)) = (&own, &file, self.directory) {
            let what = "stands beside instruction.md, and only one of them can be meant";
            return Err(own.wrong(what));
        }
        let text = match (own, file) {
            (Some(own), _) => own.text()?,
            (None, Some(file)) => return Ok(file),
            (None, None) => match self.get("instruction") {
                Some(piece) => piece.text()?,
                None if self.directory.is_some() => {
                    let path = self.directory.unwrap_or(Path::new("")).join("instruction.md");
                    return Err(Error::usage(format!("{} is missing", path.display()))
                        .hint("a task needs an instruction: this file, or a key of task.json"));
                }
                None => {
                    return Err(Error::usage(format!("{} has no instruction", self.name)));
                }
            },
        };
        if text.trim().is_empty() {
            let piece = self.get("instruction");
            let empty = piece.map(|piece| piece.wrong("must not be empty"));
            return empty.map_or(Ok(text), Err);
        }
        Ok(text)
    }

    fn template(&self) -> Result<Template> {
        let Some(piece) = self.get("template") else {
            let files = self.directory.map(|directory| directory.join("files"));
            let files = files.filter(|files| files.is_dir());
            return Ok(files.map_or(Template::Empty, Template::Directory));
        };
        if piece.is_null() {
            return Ok(Template::Empty);
        }
        if piece.is_text() {
            return Ok(Template::Directory(piece.directory()?));
        }
        let object = piece.object(&["git", "ref"])?;
        let git = object.required("git")?;
        let mut url = git.word()?;
        // As git sees it: what has a colon is an address, what has none is a path.
        if !url.contains(':') {
            url = git.directory()?.to_string_lossy().into_owned();
        }
        let piece = object.required("ref")?;
        let reference = piece.word()?;
        if url.starts_with('-') || reference.starts_with('-') {
            return Err(piece.wrong("cannot begin with -: git would take it for an option"));
        }
        Ok(Template::Git { url, reference })
    }

    /// A directory that has a default place in the task's directory.
    fn folder(&self, key: &str) -> Result<Option<PathBuf>> {
        match self.get(key) {
            Some(piece) if piece.is_null() => Ok(None),
            Some(piece) => piece.directory().map(Some),
            None => {
                let there = self.directory.map(|directory| directory.join(key));
                Ok(there.filter(|there| there.is_dir()))
            }
        }
    }

    /// A command as a list of words; empty if there is none.
    fn command(&self, key: &str) -> Result<Vec<String>> {
        self.some(key).map_or(Ok(Vec::new()), |piece| piece.command())
    }

    fn globs(&self, key: &str) -> Result<Vec<String>> {
        let Some(piece) = self.some(key) else { return Ok(Vec::new()) };
        let one = |piece: &Piece| {
            let pattern = piece.text()?;
            glob::fault(&pattern).map_or(Ok(pattern), |fault| Err(piece.wrong(fault)))
        };
        piece.list()?.iter().map(one).collect()
    }

    /// The defaults' variables, and the task's own over them.
    fn env(&self) -> Result<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for object in self.defaults.into_iter().chain(self.own) {
            if let Some(piece) = object.some("env") {
                all.extend(variables::read(&piece)?);
            }
        }
        Ok(all)
    }

    /// The defaults' limits, and the task's own over them. `null` lifts what may be lifted.
    fn limits(&self) -> Result<TaskLimits> {
        let mut limits = TaskLimits::default();
        for object in self.defaults.into_iter().chain(self.own) {
            if let Some(piece) = object.some("limits") {
                read_limits(&piece, &mut limits)?;
            }
        }
        Ok(limits)
    }
}

fn read_limits(piece: &Piece, limits: &mut TaskLimits) -> Result<()> {
    let known = ["wall_s", "working_s", "stall_s", "setup_s", "check_s", "cost_usd", "steps"];
    for (key, piece) in piece.object(&known)?.entries() {
        let seconds = || {
            let fits = |number: f64| number > 0.0 && number <= LONGEST_S;
            piece.number(fits, "a number of seconds above 0, at most a year")
        };
        let unless_null = !piece.is_null();
        match key {
            "wall_s" => limits.wall_s = seconds()?,
            "stall_s" => limits.stall_s = seconds()?,
            "setup_s" => limits.setup_s = seconds()?,
            "check_s" => limits.check_s = seconds()?,
            "working_s" => limits.working_s = unless_null.then(seconds).transpose()?,
            "cost_usd" => {
                let usd = || piece.number(|usd| usd > 0.0, "an amount of US dollars above 0");
                limits.cost_usd = unless_null.then(usd).transpose()?;
            }
            _ => limits.steps = unless_null.then(|| piece.whole(1, u64::MAX)).transpose()?,
        }
    }
    Ok(())
}

/// The name of a task or an arm.
pub fn id(piece: &Piece) -> Result<String> {
    let id = piece.word()?;
    if is_id(&id) {
        return Ok(id);
    }
    let error = piece.wrong(&format!("cannot be {id:?}"));
    Err(error.hint("letters, digits, . _ and -, at most 100, a letter or a digit first"))
}

/// Whether it can stand in file names, on command lines and in results as it is.
pub fn is_id(text: &str) -> bool {
    let may_follow = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(may_follow)
}

/// A mistyped `hidden` would leave a task without its check.
fn check_folders(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let missing = FOLDERS.into_iter().filter(|folder| !directory.join(folder).exists());
        let Some(meant) = nearest(&name, missing) else { continue };
        if entry.path().is_dir() {
            let path = entry.path();
            let message = format!("{} has no meaning in a task", path.display());
            return Err(Error::usage(message).hint(format!("did you mean {meant}?")));
        }
    }
    Ok(())
}

/// A file's text as a source of keys.
pub fn source(path: &Path, bytes: Vec<u8>, base: &Path) -> Result<Source> {
    let name = path.display().to_string();
    Ok(Source { name, text: utf8(path, bytes)?, base: base.to_path_buf(), resolved: false })
}

/// A file's content; `None` if it is missing. Nothing but a file is opened: a pipe has no end.
fn file(path: &Path) -> Result<Option<Vec<u8>>> {
    let found = fs::metadata(path).and_then(|found| {
        if found.is_file() || found.is_dir() {
            fs::read(path)
        } else {
            Err(ErrorKind::Other.into())
        }
    });
    match found {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::Other => {
            Err(Error::usage(format!("{} is no file", path.display())))
        }
        Err(error) => Err(Error::usage(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// A text. An error with the line of what is not UTF-8.
fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String> {
    let shown = path.display();
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::usage(format!("{shown}:{line}: this is not UTF-8"))
    })?;
    if text.trim().is_empty() || text.contains('\0') {
        let what = if text.contains('\0') { "contains NUL" } else { "is empty" };
        return Err(Error::usage(format!("{shown} {what}")));
    }
    Ok(text)
}
