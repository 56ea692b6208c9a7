use std::path::PathBuf;

use super::report::{append_summary, write_file};
use super::run::{Teller, status};
use crate::bench::confirm::{Doubt, SecondNight, confirm};
use crate::bench::plan::Infer;
use crate::bench::report::text::Look;
use crate::bench::report::{github, junit, markdown, text};
use crate::bench::verdict::{Chosen, Question, Verdict, Word, judge};
use crate::cli::App;
use crate::cli::output;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand};
use crate::cli::words::{Words, wrong_value};
use crate::error::{Error, Result};

const GATE: &[Flag] = &[
    Flag::value(
        "infer",
        None,
        "WHAT",
        "Whether it speaks of these very tasks, or of tasks like these",
    )
    .choices(&["runs", "tasks"])
    .absent("the plan's gate"),
    Flag::value(
        "margin",
        None,
        "SHARE",
        "The drop that is small enough to be fine: 0.1 is ten points",
    )
    .absent("the plan's gate"),
    Flag::value("alpha", None, "SHARE", "The share of false alarms").absent("the plan's gate"),
    Flag::switch("strict", None, "Status 11 if neither a drop nor its absence is shown"),
    Flag::switch("common", None, "Compare the tasks that are the same in both, and list the rest"),
];

const OTHER: &[Flag] = &[
    Flag::value("confirm", None, "DIR", "Run an arm that alarms, and the base, once more into DIR"),
    Flag::value("jobs", Some('j'), "N", "So many runs of the second night at once")
        .default("1")
        .needs(&["confirm"]),
    Flag::value("scratch", None, "DIR", "Where working trees of the second night are")
        .absent("TMPDIR")
        .needs(&["confirm"]),
    Flag::value("junit", None, "FILE", "Write the verdict as JUnit's XML, too"),
    Flag::switch(
        "github",
        None,
        "Print annotations for a workflow of GitHub, and write its summary",
    )
    .excludes(&["json"], "both would be on stdout"),
];

pub const COMMAND: Command = Command {
    name: "bench compare",
    summary: "Say whether an arm is worse than another, with a known error rate",
    about: &[
        "Each operand is DIR or DIR:ARM. One alone compares its arms with the plan's base, or with \
         the arm that it names. The verdict is regression (status 10), ok (0), or inconclusive (0, \
         or 11 with --strict): neither a drop is shown, nor that there is none beyond the margin.",
        "Without a real change about 2.5 % of nights alarm. With --confirm an alarm counts only \
         if a second night, which runs then, shows it as well.",
        "It is refused with status 2 if the tasks are not the same, if a task has runs that are \
         not graded yet, or if it is not clear which arm is meant.",
    ],
    operands: &[
        Operand::required("BASE", "What is compared with: DIR or DIR:ARM"),
        Operand::optional("NEW", "What is compared: DIR or DIR:ARM").many(),
    ],
    flags: &[GATE, OTHER],
    examples: &[
        ("occtl bench compare results", "the arms of one night against its base"),
        ("occtl bench compare results:stable results:candidate", "two arms of one night"),
        ("occtl bench compare results --confirm second", "an alarm counts if it comes twice"),
    ],
    parse,
};

/// What differs from the plan's gate.
struct Changes {
    infer: Option<Infer>,
    margin: Option<f64>,
    alpha: Option<f64>,
    common: bool,
}

/// What is made of the verdict.
struct Shown {
    strict: bool,
    junit: Option<PathBuf>,
    github: bool,
}

fn parse(words: &Words) -> Result<Action> {
    let sides: Vec<PathBuf> = words.rest(0)?.into_iter().map(PathBuf::from).collect();
    let infer = words.value("infer")?;
    let changes = Changes {
        infer: infer.map(|word| if word == "tasks" { Infer::Tasks } else { Infer::Runs }),
        margin: share(words, "margin", 1.0)?,
        alpha: share(words, "alpha", 0.5)?,
        common: words.has("common"),
    };
    let shown = Shown {
        strict: words.has("strict"),
        junit: words.path("junit"),
        github: words.has("github"),
    };
    let jobs = u32::try_from(words.count("jobs")?).unwrap_or(u32::MAX);
    if jobs == 0 {
        return Err(Error::usage("--jobs cannot be 0"));
    }
    let scratch = words.path("scratch");
    let second = words.path("confirm").map(|directory| SecondNight { directory, jobs, scratch });
    Ok(Box::new(move |app| {
        let found = compare(app, &sides, &changes, second.as_ref());
        let why = match &found {
            Ok(Ok(_)) => None,
            Ok(Err(left)) => Some(&left.why),
            Err(error) => Some(&error.message),
        };
        // What another night wrote into the file is not the verdict on this one.
        if let (Some(why), Some(path)) = (why, &shown.junit) {
            write_file(path, &junit::refused(why))?;
        }
        if let (Some(why), true) = (why, shown.github) {
            app.out.write(&github::refused(why))?;
        }
        match found? {
            Ok(verdict) => print(app, &verdict, &shown),
            Err(left) => Ok(left.status),
        }
    }))
}

/// A flag's value that must be above 0 and below `below`.
fn share(words: &Words, long: &str, below: f64) -> Result<Option<f64>> {
    let Some(share) = words.number(long)? else { return Ok(None) };
    if share > 0.0 && share < below {
        return Ok(Some(share));
    }
    let accepted = format!("a number above 0 and below {below}");
    Err(wrong_value(&format!("--{long}"), &share.to_string(), &accepted))
}

/// A second night that was left before its end.
struct LeftEarly {
    status: Exit,
    why: String,
}

/// The verdict, unless a second night was left before its end.
fn compare(
    app: &mut App,
    sides: &[PathBuf],
    changes: &Changes,
    second: Option<&SecondNight>,
) -> Result<std::result::Result<Verdict, LeftEarly>> {
    let chosen = Chosen::read(sides)?;
    let (base, candidates) = (chosen.base(), chosen.candidates());
    let plan = &base.night.plan;
    let mut gate = plan.gate.clone();
    gate.infer = changes.infer.unwrap_or(gate.infer);
    gate.margin = changes.margin.unwrap_or(gate.margin);
    gate.alpha = changes.alpha.unwrap_or(gate.alpha);
    let common = changes.common;
    let question = Question { gate, max_unscored: plan.max_unscored, common, outlook: true };
    let mut verdict = judge(&question, base, &candidates)?;
    if let Some(second) = second {
        let say = if app.json { output::say_json } else { output::say };
        if verdict.verdict == Word::Regression {
            // A second night takes hours, and a log should say why it began.
            say(&text::sentence(&verdict));
        }
        let context = app.context()?;
        let mut teller = Teller::new(app.json);
        let doubt = Doubt { chosen: &chosen, question: &question, second };
        let ended = confirm(&context, &mut verdict, &doubt, &mut teller)?;
        output::clear_status();
        if let Some(ended) = ended {
            let reason = super::run::reason(&ended).unwrap_or_default();
            let why = format!("the second night was left: {reason}; there is no verdict yet");
            say(&why);
            return Ok(Err(LeftEarly { status: Exit(status(&ended.left)), why }));
        }
    }
    Ok(Ok(verdict))
}

fn print(app: &mut App, verdict: &Verdict, shown: &Shown) -> Result<Exit> {
    if let Some(path) = &shown.junit {
        write_file(path, &junit::verdict(verdict, shown.strict))?;
    }
    if app.json {
        app.out.json(verdict)?;
    } else if shown.github {
        app.out.write(&github::annotations(verdict, shown.strict))?;
        append_summary(app, &markdown::verdict(verdict))?;
    } else {
        app.out.write(&text::verdict(verdict, Look { bars: app.out.is_terminal() }))?;
    }
    Ok(Exit(match verdict.verdict {
        Word::Regression => 10,
        Word::Inconclusive if shown.strict => 11,
        Word::Inconclusive | Word::Ok => 0,
    }))
}
