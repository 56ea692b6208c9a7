//! The session that is meant where none is named: the one that works nearest.

use std::fmt;
use std::path::Path;

use serde::Deserialize;

use super::address;
use super::directory::known_directory;
use super::life::{Life, life};
use crate::error::{Error, Result};
use crate::runner::context::{Context, Purpose};
use crate::store::{Document, Record};

/// The most candidates that an error lists.
const MOST_SHOWN: usize = 8;

/// The session that is meant where none is named, and why.
pub struct Chosen {
    /// `oc-…`.
    pub id: String,
    /// Its name.
    pub name: Option<String>,
    /// What it was chosen by: a variable, or its directory.
    pub why: String,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} ({name}) of {}", self.id, self.why),
            None => write!(f, "{} of {}", self.id, self.why),
        }
    }
}

/// What tells where a session works and whether it lives. A whole record costs several times as
/// much, and a store may have thousands.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sketch {
    name: Option<String>,
    port: u16,
    status: String,
    workdir: Option<String>,
    config_path: Option<String>,
    adopted_url: Option<String>,
    pid: Option<u32>,
    pid_start_time: Option<u64>,
    boot_id: Option<String>,
    machine_id: Option<String>,
    pid_namespace: Option<u64>,
}

/// A session that lives.
struct Candidate {
    id: String,
    name: Option<String>,
    /// Where it works; `None` if that is not known, or not on this machine.
    directory: Option<String>,
    /// How many parts its directory has, if that is the working directory or above it.
    depth: Option<usize>,
}

/// The one live session whose directory is the working directory or the nearest above it. For a
/// command that only reads, else the only one that lives. None or several: exit 2, with candidates.
pub fn default_session(context: &Context, document: &Document) -> Result<Chosen> {
    let living = living(context, document)?;
    let here = context.environment.directory.as_deref();
    let here = here.map_or("the working directory".into(), |here| here.display().to_string());
    let nearest = living.iter().filter_map(|one| one.depth).max();
    if nearest.is_some() {
        let near: Vec<&Candidate> = living.iter().filter(|one| one.depth == nearest).collect();
        return match near[..] {
            [only] => Ok(only.chosen()),
            _ => {
                let place = near[0].directory.as_deref().unwrap_or_default();
                Err(several(&format!("several sessions work in {place}"), &near))
            }
        };
    }
    let all: Vec<&Candidate> = living.iter().collect();
    match all[..] {
        [] => {
            Err(Error::usage("no SESSION is given, and none is alive")
                .hint("occtl start starts one"))
        }
        [only] if context.purpose == Purpose::Read => Ok(only.chosen()),
        _ => {
            let none = format!("no SESSION is given, and none works in {here} or above it");
            Err(several(&none, &all))
        }
    }
}

/// The error that lists candidates.
fn several(what: &str, candidates: &[&Candidate]) -> Error {
    let shown: Vec<String> =
        candidates.iter().take(MOST_SHOWN).map(|one| one.chosen().to_string()).collect();
    let more = match candidates.len().saturating_sub(MOST_SHOWN) {
        0 => String::new(),
        count => format!(" and {count} more (occtl list)"),
    };
    let them = if candidates.len() == 1 { "there is only" } else { "name one of" };
    Error::usage(what).hint(format!("{them} {}{more}", shown.join(", ")))
}

/// All sessions that live, as far as that can be known here.
fn living(context: &Context, document: &Document) -> Result<Vec<Candidate>> {
    let found = document.each(|id, sketch: Sketch| {
        let record = sketch.record(id);
        let life = life(context, &record);
        (!matches!(life, Life::Dead | Life::Elsewhere))
            .then(|| Candidate::of(context, record, &life))
    });
    Ok(found?.into_iter().flatten().collect())
}

impl Candidate {
    fn of(context: &Context, record: Record, life: &Life) -> Candidate {
        // The directory of a server on another machine may be called like one of this machine.
        let is_here = record.adopted_url.as_ref().is_none_or(|url| address::is_on_loopback(url));
        let directory = known_directory(&record, life).filter(|_| is_here);
        let here = context.environment.directory.as_deref();
        let depth = directory.as_ref().map(Path::new).and_then(|directory| {
            let is_above = here.is_some_and(|here| here.starts_with(directory));
            is_above.then(|| directory.components().count())
        });
        Candidate { id: record.id, name: record.name, directory, depth }
    }

    fn chosen(&self) -> Chosen {
        let why = self.directory.as_deref().unwrap_or("another machine").into();
        Chosen { id: self.id.clone(), name: self.name.clone(), why }
    }
}

impl Sketch {
    /// As much of the record as the sketch has.
    fn record(self, id: &str) -> Record {
        Record {
            id: id.into(),
            name: self.name,
            port: self.port,
            status: self.status,
            workdir: self.workdir,
            config_path: self.config_path,
            adopted_url: self.adopted_url,
            pid: self.pid,
            pid_start_time: self.pid_start_time,
            boot_id: self.boot_id,
            machine_id: self.machine_id,
            pid_namespace: self.pid_namespace,
            ..Record::default()
        }
    }
}
