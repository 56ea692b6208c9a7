use std::path::PathBuf;

use serde_json::{Value, json};

use super::run::SELECTION;
use super::status::DIRECTORY;
use crate::bench::batch::Selection;
use crate::bench::export::{ExportOptions, Exported, Format, NamedRun, export};
use crate::cli::App;
use crate::cli::output;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand};
use crate::cli::words::{Words, wrong_choice};
use crate::error::{Error, Result};

/// The most runs that are named, each in a line.
const MOST_LINES: usize = 20;

pub const COMMAND: Command = Command {
    name: "bench export",
    summary: "Write results in the formats of other tools",
    about: &[
        "FORMAT is atif (a trajectory for each run, with sub-agents inside: \
         OUT/ARM/TASK.REPEAT.json), harbor (for each arm the directory of a job, which \
         `harbor view OUT` opens) or predictions (patches for SWE-bench's grader, a line each: \
         OUT/ARM/REPEAT.jsonl).",
        "Of each run the newest attempt is written, with the result of its newest recheck. What \
         cannot be written is left out and named. OUT appears when all of it is written; one that \
         exists is never touched.",
    ],
    operands: &[
        Operand::required("FORMAT", "atif, harbor or predictions").choices(Format::NAMES),
        DIRECTORY,
    ],
    flags: &[
        &[Flag::value("output", Some('o'), "OUT", "The directory that is made (required)")],
        &[SELECTION[0], SELECTION[1], SELECTION[2]],
    ],
    examples: &[
        ("occtl bench export atif results -o trajectories", "every step of every run"),
        ("occtl bench export harbor results -o jobs", "for Harbor's viewer"),
        (
            "occtl bench export predictions results -o patches --arm stable",
            "the patches of one arm",
        ),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let name = words.required(0)?;
    let directory: PathBuf = words.required(1)?.into();
    let output = words.path("output");
    let selection = Selection {
        tasks: words.values("task")?,
        tags: words.values("tag")?,
        arms: words.values("arm")?,
        ..Selection::default()
    };
    let wrong = || wrong_choice("FORMAT", &name, Format::NAMES);
    let format = Format::named(&name).ok_or_else(wrong)?;
    let output = output.ok_or_else(|| {
        Error::usage("occtl bench export needs -o OUT").hint("a directory that is not there yet")
    })?;
    let options = ExportOptions { format, directory, output, selection };
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let exported = export(&context, &options)?;
        if app.json {
            app.out.json(&document(&options, &exported))?;
        } else {
            print(app, &options, &exported)?;
        }
        Ok(Exit::OK)
    }))
}

fn print(app: &mut App, options: &ExportOptions, exported: &Exported) -> Result<()> {
    let mut lines = Vec::new();
    for one in &exported.runs {
        lines.extend(one.notes.iter().map(|note| format!("{}: {note}", name_of(&one.run))));
    }
    let omitted = exported.omitted.iter();
    lines.extend(omitted.map(|one| format!("{}: left out, {}", name_of(&one.run), one.why.1)));
    for line in lines.iter().take(MOST_LINES) {
        output::say(&output::one_line(line));
    }
    if lines.len() > MOST_LINES {
        output::say(&format!("{} more such lines; --json has them", lines.len() - MOST_LINES));
    }
    let what = match options.format {
        Format::Atif => "trajectories",
        Format::Harbor => "trials",
        Format::Predictions => "patches",
    };
    let left_out: usize = exported.left_out.values().sum();
    let rest = if left_out > 0 { format!(", {left_out} runs left out") } else { String::new() };
    let (count, out) = (exported.written, options.output.display().to_string());
    app.out.line(&format!("{count} {what} in {}{rest}", output::one_line(&out)))
}

fn name_of(run: &NamedRun) -> String {
    format!("{}/{}/{}", run.task, run.arm, run.repeat)
}

fn document(options: &ExportOptions, exported: &Exported) -> Value {
    let named = |run: &NamedRun| {
        let NamedRun { id, task, arm, repeat } = run;
        json!({"run_id": id, "task": task, "arm": arm, "repeat": repeat})
    };
    let runs = exported.runs.iter().map(|one| {
        let mut value = named(&one.run);
        value["attempt"] = json!(one.attempt);
        value["file"] = json!(one.file);
        value["notes"] = json!(one.notes);
        value
    });
    let omitted = exported.omitted.iter().map(|one| {
        let mut value = named(&one.run);
        value["reason"] = json!(one.why.0);
        value["message"] = json!(one.why.1);
        value
    });
    json!({
        "format": options.format.name(), "directory": options.directory, "output": options.output,
        "batch": exported.batch, "written": exported.written, "left_out": exported.left_out,
        "runs": runs.collect::<Vec<_>>(), "omitted": omitted.collect::<Vec<_>>(),
    })
}
