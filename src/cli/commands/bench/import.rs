use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use crate::bench::import::{self, Format, ImportOptions, Imported, Surroundings};
use crate::bench::plan::plain;
use crate::bench::task::read::is_id;
use crate::cli::App;
use crate::cli::output;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand};
use crate::cli::words::{Words, wrong_choice, wrong_value};
use crate::error::{Error, Result};

pub const COMMAND: Command = Command {
    name: "bench import",
    summary: "Make tasks of Harbor, Exercism or SWE-bench into tasks and a plan",
    about: &[
        "SOURCE is a task of Harbor or a directory of them; an exercise, a track or a directory of \
         tracks of Exercism; or a file of SWE-bench with one instance a line. DIR is made, with \
         plan.json, a README.md and a directory for each task. It must not be there yet.",
        "What cannot be imported is listed with the reason, and the status is then 1; all others \
         are written as a whole. If every task is refused, nothing is written.",
        "task.toml of Harbor is read with python3, 3.11 or newer; without one, a task.json beside \
         it is. The repositories of SWE-bench are not fetched: --clones names the directory that \
         has them, as owner/name, owner__name or name.",
    ],
    operands: &[
        Operand::required("FORMAT", "harbor, exercism or swebench").choices(Format::NAMES),
        Operand::required("SOURCE", "Where the tasks are"),
    ],
    flags: &[&[
        Flag::value("output", Some('o'), "DIR", "The directory to make"),
        Flag::value("model", Some('m'), "PROVIDER/MODEL", "The model of an arm of the plan")
            .repeated()
            .absent("one arm with the model that OpenCode takes"),
        Flag::value("clones", None, "DIR", "Where the repositories of SWE-bench are"),
    ]],
    examples: &[
        ("occtl bench import harbor dataset -o tasks", "all tasks of a directory"),
        (
            "occtl bench import swebench lite.jsonl -o lite --clones repos -m openai/gpt-5",
            "one file of instances, for one model",
        ),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let name = words.required(0)?;
    let source: PathBuf = words.required(1)?.into();
    let (output, clones) = (words.path("output"), words.path("clones"));
    let models = words.values("model")?;
    let wrong = || wrong_choice("FORMAT", &name, Format::NAMES);
    let format = Format::named(&name).ok_or_else(wrong)?;
    let output = output.ok_or_else(|| {
        Error::usage("occtl bench import needs -o DIR").hint("a directory that is not there yet")
    })?;
    for (at, model) in models.iter().enumerate() {
        let parts = model.split_once('/');
        if !parts.is_some_and(|(provider, name)| !provider.is_empty() && !name.is_empty())
            || !is_id(&plain(model))
        {
            return Err(wrong_value("--model", model, "provider/model"));
        }
        if models[..at].iter().any(|other| plain(other) == plain(model)) {
            return Err(Error::usage(format!("--model {model} would name an arm twice")));
        }
    }
    if format == Format::Swebench && clones.is_none() {
        return Err(Error::usage("occtl bench import swebench needs --clones DIR")
            .hint("the directory that has the repositories"));
    }
    if format != Format::Swebench && clones.is_some() {
        return Err(Error::usage("--clones is for bench import swebench alone"));
    }
    let options = ImportOptions { format, source, output, models, clones };
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let signals = context.catch_signals()?;
        let signal = || signals.received();
        let around = Surroundings { environment: &context.environment, signal: &signal };
        let imported = import::import(&options, &around)?;
        print(app, &options, &imported)
    }))
}

fn print(app: &mut App, options: &ImportOptions, imported: &Imported) -> Result<Exit> {
    let exit = if imported.refused.is_empty() { Exit::OK } else { Exit(1) };
    if app.json {
        let tasks = imported.tasks.iter();
        let tasks = tasks
            .map(|task| json!({"task": task.id, "name": task.name, "notes": task.notes}))
            .collect::<Vec<_>>();
        let refused = imported.refused.iter();
        let refused =
            refused.map(|one| json!({"name": one.name, "reason": one.reason})).collect::<Vec<_>>();
        app.out.json(&json!({"format": options.format.name(), "plan": imported.plan,
                             "tasks": tasks, "refused": refused, "hint": imported.hint}))?;
        return Ok(exit);
    }
    for one in &imported.refused {
        let line = format!("refused {}: {}", one.name, one.reason);
        app.out.line(&output::one_line(&line))?;
    }
    let mut notes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for task in &imported.tasks {
        for note in &task.notes {
            notes.entry(note).or_default().push(&task.id);
        }
    }
    for (note, tasks) in notes {
        let more = tasks.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        app.out.line(&output::one_line(&format!("note {}{more}: {note}", tasks[0])))?;
    }
    let (all, taken) = (imported.tasks.len() + imported.refused.len(), imported.tasks.len());
    let line = match &imported.plan {
        Some(plan) => format!("{taken} of {all} tasks imported: {}", plan.display()),
        None => format!("0 of {all} tasks imported; nothing was written"),
    };
    app.out.line(&output::one_line(&line))?;
    if let Some(hint) = &imported.hint {
        output::say(hint);
    }
    Ok(exit)
}
