//! Reads a plan and its tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{Arm, Auth, Gate, Infer, Plan};
use crate::bench::json::{Object, Piece, Source};
use crate::bench::task::{Task, find, read as task};
use crate::bench::variables;
use crate::error::{Error, Result};
use crate::runner::nearest::nearest;
use crate::sorting;

pub(super) const KEYS: [&str; 19] = [
    "schema",
    "name",
    "seed",
    "repeats",
    "defaults",
    "tasks",
    "base",
    "arms",
    "matrix",
    "gate",
    "retry",
    "max_unscored",
    "budget_usd",
    "max_parallel",
    "env",
    "pass_env",
    "wrap",
    "wrap_kill",
    "auth",
];

/// The keys that only a plan has that was read and written before.
const RESOLVED: [&str; 2] = ["directory", "sha256"];

/// How often each arm does each task, if the plan does not say it.
const REPEATS: u32 = 5;

/// The most repeats: with any number of tasks the number of runs still fits into 64 bits.
pub const MOST_REPEATS: u64 = 100_000;

impl Plan {
    /// Reads a plan and all its tasks, with their hashes. A wrong one is a usage error that names
    /// file, line and key. One that [`Plan::to_json`] made is read as it was, and nothing that it
    /// names is looked for on disk.
    pub fn read(path: &Path) -> Result<Plan> {
        let mut plan = Plan::of(source(path)?)?;
        if plan.name.is_empty() {
            plan.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            plan.sha256 = plan.hash();
        }
        Ok(plan)
    }

    /// Reads what [`Plan::to_json`] made, for example as a part of an order.
    pub fn resolved(text: String, name: &str) -> Result<Plan> {
        let base = PathBuf::from("/");
        Plan::of(Source { name: name.into(), text, base, resolved: true })
    }

    fn of(mut source: Source) -> Result<Plan> {
        // Only a plan that was resolved before has a hash.
        let was_resolved = source.whole()?.map()?.get("sha256").is_some();
        source.resolved = was_resolved;
        let mut known = KEYS.to_vec();
        if was_resolved {
            known.extend(RESOLVED);
        }
        let object = source.whole()?.object(&known)?;
        let mut plan = empty(&object)?;
        let schema = object.some("schema");
        if let Some(piece) = schema.filter(|piece| piece.whole(1, 1).is_err()) {
            return Err(piece.wrong("must be 1: this occtl reads no other form of plans"));
        }
        settings(&object, &mut plan)?;
        plan.tasks = tasks(&object)?;
        plan.arms = Arm::all(&object)?;
        plan.read_wrap(&object)?;
        references(&object, &mut plan)?;
        match object.get("sha256") {
            Some(piece) => plan.sha256 = piece.word()?,
            None => {
                for task in &mut plan.tasks {
                    task.sha256 = task.hash_now()?;
                }
                plan.sha256 = plan.hash();
            }
        }
        Ok(plan)
    }
}

/// The text of a plan, and where it is.
fn source(path: &Path) -> Result<Source> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| {
        let wrong = Error::usage(format!("{shown} cannot be read: {error}"));
        let inner = path.join("plan.json");
        if inner.is_file() { wrong.hint(format!("name {}", inner.display())) } else { wrong }
    })?;
    let whole = fs::canonicalize(path)
        .map_err(|error| Error::usage(format!("{shown} cannot be found: {error}")))?;
    let base = whole.parent().unwrap_or(Path::new("/"));
    if base.to_str().is_none() {
        return Err(Error::usage(format!("{} is not UTF-8", base.display()))
            .hint("a plan must be below a directory with a name in UTF-8"));
    }
    task::source(path, bytes, base)
}

/// What a plan calls its tasks and arms.
pub struct Outline {
    /// The ids of the tasks.
    pub tasks: Vec<String>,
    /// The ids of the arms.
    pub arms: Vec<String>,
    /// How often each arm does each task.
    pub repeats: u32,
}

/// The outline of a plan in a file, or in a directory that holds `plan.json`. No task is hashed, so
/// that it takes no time.
pub fn outline(path: &Path) -> Result<Outline> {
    let inner = path.join("plan.json");
    let mut source = source(if inner.is_file() { &inner } else { path })?;
    source.resolved = source.whole()?.map()?.get("sha256").is_some();
    let object = source.whole()?.object(&[&KEYS[..], &RESOLVED].concat())?;
    let tasks = tasks(&object)?.into_iter().map(|task| task.id).collect();
    let arms = Arm::all(&object)?.into_iter().map(|arm| arm.id).collect();
    let repeats = object.get("repeats").map_or(Ok(REPEATS), repeats)?;
    Ok(Outline { tasks, arms, repeats })
}

fn repeats(piece: Piece) -> Result<u32> {
    Ok(piece.whole(1, MOST_REPEATS)? as u32)
}

/// A plan with what holds if it says nothing.
fn empty(object: &Object) -> Result<Plan> {
    let directory = match object.get("directory") {
        Some(piece) => piece.path()?,
        None => object.piece.source.base.clone(),
    };
    let gate = Gate {
        infer: Infer::Runs,
        alpha: 0.025,
        margin: 0.10,
        max_cost_increase: None,
        max_tokens_increase: None,
    };
    Ok(Plan {
        directory,
        name: String::new(),
        seed: 1,
        repeats: REPEATS,
        tasks: Vec::new(),
        arms: Vec::new(),
        base: None,
        gate,
        max_attempts: 2,
        hold_s: 3600.0,
        max_unscored: 0.05,
        budget_usd: None,
        max_parallel: BTreeMap::new(),
        env: BTreeMap::new(),
        pass_env: Vec::new(),
        wrap: Vec::new(),
        wrap_kill: Vec::new(),
        auth: Auth::None,
        sha256: String::new(),
    })
}

/// What is neither tasks nor arms.
fn settings(object: &Object, plan: &mut Plan) -> Result<()> {
    for (key, piece) in object.entries().filter(|(_, piece)| !piece.is_null()) {
        match key {
            "name" => plan.name = title(&piece)?,
            "seed" => plan.seed = piece.whole(0, u64::MAX)?,
            "repeats" => plan.repeats = repeats(piece)?,
            "gate" => gate(&piece, &mut plan.gate)?,
            "retry" => retry(&piece, plan)?,
            "max_unscored" => plan.max_unscored = share(&piece)?,
            "budget_usd" => {
                let usd = piece.number(|usd| usd > 0.0, "an amount of US dollars above 0")?;
                plan.budget_usd = Some(usd);
            }
            "env" => plan.env = variables::read(&piece)?,
            "pass_env" => plan.pass_env = variables::names(&piece)?,
            "auth" => {
                let copied = piece.choice(&["none", "copy"])? == "copy";
                plan.auth = if copied { Auth::Copy } else { Auth::None };
            }
            _ => {}
        }
    }
    Ok(())
}

fn title(piece: &Piece) -> Result<String> {
    let name = piece.word()?;
    if name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(piece.wrong("must be one line of at most 100 letters"));
    }
    Ok(name)
}

fn share(piece: &Piece) -> Result<f64> {
    piece.number(|share| (0.0..=1.0).contains(&share), "a share from 0 to 1")
}

fn gate(piece: &Piece, gate: &mut Gate) -> Result<()> {
    let known = ["infer", "alpha", "margin", "max_cost_increase", "max_tokens_increase"];
    for (key, piece) in piece.object(&known)?.entries() {
        let increase = || {
            let number = || piece.number(|share| share >= 0.0, "0 or more: 0.2 is 20 %");
            (!piece.is_null()).then(number).transpose()
        };
        match key {
            "infer" => {
                let tasks = piece.choice(&["runs", "tasks"])? == "tasks";
                gate.infer = if tasks { Infer::Tasks } else { Infer::Runs };
            }
            "alpha" => {
                let fits = |alpha| alpha > 0.0 && alpha < 0.5;
                gate.alpha = piece.number(fits, "above 0 and below 0.5")?;
            }
            "margin" => {
                let fits = |margin| margin > 0.0 && margin < 1.0;
                gate.margin = piece.number(fits, "above 0 and below 1")?;
            }
            "max_cost_increase" => gate.max_cost_increase = increase()?,
            _ => gate.max_tokens_increase = increase()?,
        }
    }
    Ok(())
}

fn retry(piece: &Piece, plan: &mut Plan) -> Result<()> {
    for (key, piece) in piece.object(&["max_attempts", "hold_s"])?.entries() {
        if key == "max_attempts" {
            plan.max_attempts = piece.whole(1, 100)? as u32;
        } else {
            let fits = |seconds| seconds > 0.0 && seconds <= 31_536_000.0;
            plan.hold_s = piece.number(fits, "a number of seconds above 0, at most a year")?;
        }
    }
    Ok(())
}

fn tasks(object: &Object) -> Result<Vec<Task>> {
    let list = object.required("tasks")?;
    let resolved = list.source.resolved;
    let defaults = object.some("defaults").map(|piece| task::defaults(&piece)).transpose()?;
    let mut tasks: Vec<Task> = Vec::new();
    let mut ids = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for piece in list.list()? {
        let found = if resolved {
            vec![task::resolved(&piece)?]
        } else if piece.is_text() {
            let directories = find::directories(&piece)?.into_iter();
            // Patterns may overlap.
            let new: Vec<PathBuf> = directories.filter(|path| seen.insert(path.clone())).collect();
            new.iter()
                .map(|path| task::directory(path, defaults.as_ref()))
                .collect::<Result<_>>()?
        } else {
            vec![task::inline(&piece, defaults.as_ref())?]
        };
        for task in found {
            if !ids.insert(task.id.clone()) {
                return Err(piece
                    .wrong(&format!("has the id {:?}, as another task has", task.id))
                    .hint("give one of them another \"id\""));
            }
            tasks.push(task);
        }
    }
    if tasks.is_empty() {
        return Err(list.wrong("must not be empty"));
    }
    Ok(tasks)
}

/// What names arms or their models.
fn references(object: &Object, plan: &mut Plan) -> Result<()> {
    if let Some(piece) = object.some("base") {
        let base = piece.word()?;
        let ids = || plan.arms.iter().map(|arm| arm.id.as_str());
        // A part of a plan may be without its base.
        if !piece.source.resolved && !ids().any(|id| id == base) {
            let error = piece.wrong(&format!("cannot be {base:?}: no arm has that id"));
            return Err(error.hint(match nearest(&base, ids()) {
                Some(id) => format!("did you mean {id:?}?"),
                None => format!("the arms are {}", ids().collect::<Vec<_>>().join(", ")),
            }));
        }
        plan.base = Some(base);
    }
    let Some(piece) = object.some("max_parallel") else { return Ok(()) };
    let models = sorting::set(plan.arms.iter().filter_map(|arm| arm.model.as_deref()));
    let all_known = plan.arms.iter().all(|arm| arm.model.is_some());
    for (model, piece) in piece.map()?.entries() {
        if !piece.source.resolved && all_known && !models.contains(model) {
            let error = piece.wrong("is the model of no arm");
            return Err(error.hint(match nearest(model, models.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => "provider/model".into(),
            }));
        }
        plan.max_parallel.insert(model.to_owned(), piece.whole(1, 10_000)? as u32);
    }
    Ok(())
}
