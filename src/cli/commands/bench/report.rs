use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::bench::night::Night;
use crate::bench::report::text::Look;
use crate::bench::report::{Report, csv, github, html, junit, markdown, text, trend};
use crate::cli::App;
use crate::cli::output::file::NewFile;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand};
use crate::cli::words::Words;
use crate::error::{Error, Result};

const FORMATS: &[Flag] = &[
    Flag::switch("markdown", None, "Print Markdown").excludes(&["csv", "github", "json"], ONE),
    Flag::switch("csv", None, "Print a table of all runs as CSV")
        .excludes(&["markdown", "github", "json"], ONE),
    Flag::switch(
        "github",
        None,
        "Print annotations for a workflow of GitHub, and write its summary",
    )
    .excludes(&["markdown", "csv", "json"], ONE),
    Flag::value(
        "html",
        None,
        "OUT",
        "Write pages for a browser, too: a directory that is new, empty, or holds an older report",
    ),
    Flag::value("junit", None, "FILE", "Write JUnit's XML, too: a case a task, never a failure"),
    Flag::value(
        "trend",
        None,
        "FILE",
        "Write the newest night's numbers for a page of trends, too",
    ),
];

const ONE: &str = "one of them is printed";

pub const COMMAND: Command = Command {
    name: "bench report",
    summary: "Show what came of one night or several",
    about: &[
        "Shows pass rates with intervals, times, costs, and the runs without a result. If the plan \
         has a base, the verdict on the other arms is shown as well; it does not change the \
         status: `bench compare` is for that. Several directories are shown in the order of their \
         time, with a line a night for each arm.",
    ],
    operands: &[Operand::required("DIR", "The directory of a batch").many()],
    flags: &[FORMATS],
    examples: &[
        ("occtl bench report results", "one night"),
        ("occtl bench report nights/*", "a week"),
        ("occtl bench report results --html report", "pages with plots and every transcript"),
        ("occtl bench report results --csv > runs.csv", "all runs for a spreadsheet"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let directories: Vec<PathBuf> = words.rest(0)?.into_iter().map(PathBuf::from).collect();
    let (markdown, csv, github) = (words.has("markdown"), words.has("csv"), words.has("github"));
    let html = words.path("html");
    let junit = words.path("junit");
    let trend = words.path("trend");
    Ok(Box::new(move |app| {
        let nights = directories.iter().map(|path| Night::read(path));
        let mut nights: Vec<Night> = nights.collect::<Result<_>>()?;
        if csv {
            table(app, &nights)?;
        }
        let report = Report::of(&mut nights);
        if let Some(path) = &html {
            html::write(path, &report, &nights)?;
        }
        if let Some(path) = &junit {
            write_file(path, &junit::report(&report))?;
        }
        if let Some(path) = &trend {
            write_file(path, &format!("{:#}\n", trend::trend(&report)))?;
        }
        match () {
            () if csv => {}
            () if app.json => app.out.json(&report)?,
            () if markdown => app.out.write(&markdown::report(&report))?,
            () if github => {
                let verdicts = report.nights.iter().filter_map(|night| night.verdict.as_ref());
                for verdict in verdicts {
                    app.out.write(&github::annotations(verdict, false))?;
                }
                append_summary(app, &markdown::report(&report))?;
            }
            () => {
                let look = Look { bars: app.out.is_terminal() };
                app.out.write(&text::report(&report, look))?;
            }
        }
        Ok(Exit::OK)
    }))
}

fn table(app: &mut App, nights: &[Night]) -> Result<()> {
    app.out.write(&csv::heading())?;
    nights.iter().try_for_each(|night| csv::rows(night, &mut |row| app.out.write(row)))
}

/// Writes a file that is there only when it is complete.
pub fn write_file(path: &Path, text: &str) -> Result<()> {
    let mut file = NewFile::create(path)?;
    file.write(text)?;
    file.finish().map(drop)
}

/// Adds to the summary of a workflow's step, if this is one.
pub fn append_summary(app: &App, text: &str) -> Result<()> {
    let environment = app.context()?.environment.clone();
    let Some(path) = environment.get("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let path = PathBuf::from(path);
    let before = path.metadata().map_or(0, |data| data.len() as usize);
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let text = github::summary(text, before);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Error::failed(format!("cannot write {}: {error}", path.display())))
}
