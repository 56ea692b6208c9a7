//! The Dockerfiles of `docs/containers.md`, as far as they can be followed without an engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::support::guides::blocks;

const GUIDE: &str = include_str!("../../docs/containers.md");

/// The last stage of a Dockerfile.
#[derive(Default)]
pub struct Stage {
    /// What it is made from.
    pub from: String,
    /// The files that are copied, each from a path of another stage to a path of this one.
    pub copies: Vec<(PathBuf, PathBuf)>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// `USER`.
    pub user: String,
    /// `ENTRYPOINT`, `CMD` and the command of `HEALTHCHECK`.
    pub commands: BTreeMap<&'static str, Vec<String>>,
}

/// The last stage of the Dockerfile that begins a stage like this. Fails the test at a line that is
/// not understood.
#[track_caller]
pub fn stage(from: &str) -> Stage {
    let begin = format!("FROM {from}\n");
    let all = blocks(GUIDE, "dockerfile");
    let file = all.into_iter().find_map(|text| text.rsplit_once(&begin));
    let (_, text) = file.unwrap_or_else(|| panic!("no Dockerfile ends with {begin:?}"));
    let mut stage = Stage { from: from.into(), ..Stage::default() };
    for line in text.replace("\\\n", " ").lines() {
        let (instruction, rest) = line.split_once(' ').unwrap_or((line, ""));
        stage.read(instruction, rest);
    }
    stage
}

/// What the `docker run` of the guide that has these words says of its `/tmp`: options of a mount.
#[track_caller]
pub fn tmpfs_of(words: &str) -> &'static str {
    let mut paragraphs = GUIDE.split("\n\n").filter(|text| text.contains("--tmpfs "));
    let found = paragraphs.find(|text| text.trim_end().ends_with(words));
    let found = found.unwrap_or_else(|| panic!("no docker run has {words:?}"));
    let mount = found.split("--tmpfs ").nth(1).unwrap().split_whitespace().next().unwrap();
    mount.strip_prefix("/tmp").unwrap().trim_start_matches(':')
}

impl Stage {
    fn read(&mut self, instruction: &str, rest: &str) {
        let list = |text: &str| -> Vec<String> { serde_json::from_str(text).expect("a list") };
        match instruction {
            "RUN" => {}
            "COPY" => self.copy(rest),
            "ENV" => {
                let pairs = rest.split(' ').map(|pair| pair.split_once('=').expect("a pair"));
                self.variables.extend(pairs.map(|(name, value)| (name.into(), value.into())));
            }
            "USER" => self.user = rest.into(),
            "WORKDIR" => assert_eq!(rest, "/work"),
            "ENTRYPOINT" => drop(self.commands.insert("entry", list(rest))),
            "CMD" => drop(self.commands.insert("command", list(rest))),
            "HEALTHCHECK" => {
                let (_, command) = rest.split_once("CMD ").expect("a command");
                self.commands.insert("health", list(command));
            }
            other => panic!("the instruction {other} is not known"),
        }
    }

    fn copy(&mut self, rest: &str) {
        let words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
        let words: Vec<&Path> = words.map(Path::new).collect();
        let (to, from) = words.split_last().expect("a target");
        let place = |file: &&Path| to.join(file.file_name().expect("a name"));
        self.copies.extend(from.iter().map(|file| (file.to_path_buf(), place(file))));
    }
}
