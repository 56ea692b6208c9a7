use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::bench::batch::{self, BatchOptions, BatchWatcher, Ended, Left, Progress, Rerun, Trees};
use crate::bench::batch::{Ahead, Directory, Hold, Selection, shards};
use crate::bench::forecast::{Forecast, forecast};
use crate::bench::makespan::Machines;
use crate::bench::night::Night;
use crate::bench::plan::{MOST_REPEATS, Plan};
use crate::bench::report::text;
use crate::bench::results::row::Row;
use crate::bench::schedule::{Run, Shard};
use crate::cli::App;
use crate::cli::output;
use crate::cli::show::bench::{counts, expected_time, going_on, held, outcome};
use crate::cli::spec::{Action, Command, Exit, Flag, Operand};
use crate::cli::words::{Words, wrong_value};
use crate::error::{Code, Error, Result};
use crate::units::{seconds, usd};

/// More parts than the arrays of any scheduler have; each has a file of its own.
const MOST_SHARDS: u32 = 100_000;

/// The plan's file.
pub const PLAN: Operand = Operand::required("PLAN", "The plan, a JSON file");

/// The flags that choose among the runs of a plan.
pub const SELECTION: [Flag; 5] = [
    Flag::value("task", None, "GLOB", "Only tasks whose id matches").repeated(),
    Flag::value("tag", None, "TAG", "Only tasks with this tag").repeated(),
    Flag::value("arm", None, "ARM", "Only this arm").repeated(),
    Flag::value("repeats", None, "N", "So many repeats; more than the plan has are added to it"),
    Flag::value("limit", None, "N", "Only the first N of the runs that are chosen"),
];

const OWN: &[Flag] = &[
    Flag::value("output", Some('o'), "DIR", "The directory of the batch (required)"),
    Flag::value("jobs", Some('j'), "N", "So many runs at once").default("1"),
    Flag::value(
        "shard",
        None,
        "I/N",
        "Do only part I of N, counted from 1; auto in Kubernetes and Slurm",
    ),
    Flag::value("shards", None, "N", "How many parts there are").needs(&["shard", "dry-run"]),
    Flag::value("rerun", None, "WHICH", "Open settled runs again: unscored, fail or a RUN_ID"),
    Flag::value(
        "trees",
        None,
        "WHICH",
        "Keep the working trees of failed runs, of all, or of none",
    )
    .default("fail")
    .choices(&["none", "fail", "all"]),
    Flag::value("scratch", None, "DIR", "Where working trees are").absent("TMPDIR"),
    Flag::value("batch", None, "ID", "What the batch is called").absent("OCCTL_BATCH, or random"),
    Flag::switch("dry-run", None, "Show what would run, and run nothing")
        .excludes(&["trees", "scratch"], "nothing runs then"),
    Flag::value(
        "from",
        None,
        "NIGHT",
        "The directory of a night that times and costs are taken from",
    )
    .absent("that of --output")
    .needs(&["dry-run"]),
];

pub const COMMAND: Command = Command {
    name: "bench run",
    summary: "Make the runs of a plan and record them",
    about: &[
        "Each run is a process of its own: it copies the task's files, starts a server, sends the \
         prompt, follows the turn, stops everything and checks the work in a fresh copy. Before \
         the first run each OpenCode program is started once, which is not recorded and asks no \
         model: then no run waits for what only a first start does, and a limit of the cost of a \
         model without a known price is refused.",
        "The directory is one batch. The same command continues it after any interruption (with \
         --rerun fail it makes all failed runs once more); when all its runs are settled, there is \
         nothing to run and the status is 2. A run that could \
         not be scored is tried again, as often as the plan says.",
        "The status is 0 when all chosen runs are settled, 12 if the same command would continue \
         (a provider was down for too long, the disk is full), 13 if it would stop again (the \
         budget is spent, an arm was stopped), and 130 or 143 after a signal.",
    ],
    operands: &[PLAN],
    flags: &[OWN, &SELECTION],
    examples: &[
        ("occtl bench run plan.json -o results", "all runs, one after the other"),
        ("occtl bench run plan.json -o results --jobs 4 --task 'py-*'", "some, four at once"),
        ("occtl bench run plan.json -o results --dry-run", "what would run"),
        (
            "occtl bench run plan.json -o new --dry-run --from results --jobs 4 --shards 8",
            "how long eight machines would take",
        ),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let plan: PathBuf = words.required(0)?.into();
    let output = words.path("output");
    let shard = words.value("shard")?;
    let count = words.whole_number::<u32>("shards")?;
    if count.is_some_and(|count| count == 0 || count > MOST_SHARDS) {
        return Err(Error::usage(format!("--shards must be from 1 to {MOST_SHARDS}")));
    }
    let rerun = words.value("rerun")?.map(|word| match word.as_str() {
        "unscored" => Rerun::Unscored,
        "fail" => Rerun::Fail,
        _ => Rerun::Run(word),
    });
    let trees = match words.text("trees")?.as_str() {
        "all" => Trees::All,
        "none" => Trees::None,
        _ => Trees::Fail,
    };
    let jobs = u32::try_from(words.count("jobs")?).unwrap_or(u32::MAX);
    if jobs == 0 {
        return Err(Error::usage("--jobs cannot be 0"));
    }
    let selection = selection(words)?;
    let scratch = words.path("scratch");
    let batch = words.value("batch")?;
    let dry = words.has("dry-run").then_some(words.path("from"));
    let output = output.ok_or_else(|| {
        Error::usage("occtl bench run needs -o DIR").hint("the directory that holds the results")
    })?;
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let environment = &context.environment;
        let found = Directory::open(&output).ok().map(|directory| directory.shards);
        let options = BatchOptions {
            shard: shards::shard(environment, shard.as_deref(), count, found)?,
            batch: shards::batch(environment, batch),
            scheduled: shards::scheduled(environment),
            output,
            jobs,
            selection,
            rerun,
            trees,
            scratch,
        };
        let mut plan = Plan::read(&plan)?;
        if let Some(more) = options.selection.repeats.filter(|more| *more > plan.repeats) {
            plan.set_repeats(more);
        }
        match dry {
            Some(from) => {
                let only = shard.is_some().then_some(options.shard);
                let count = only.map_or(count.unwrap_or(1), |only| only.count);
                let machines = Machines { jobs, count, only };
                dry_run(app, &plan, &options, &Expected { from, machines })
            }
            None => run(app, &context, &plan, options),
        }
    }))
}

/// As many as a plan may have: with more it could not be read again.
fn repeats(words: &Words) -> Result<Option<u32>> {
    let given: Option<u32> = words.whole_number("repeats")?;
    match given {
        Some(number) if !(1..=MOST_REPEATS).contains(&number.into()) => {
            let accepted = format!("a whole number from 1 to {MOST_REPEATS}");
            Err(wrong_value("--repeats", &number.to_string(), &accepted))
        }
        fits => Ok(fits),
    }
}

fn selection(words: &Words) -> Result<Selection> {
    Ok(Selection {
        tasks: words.values("task")?,
        tags: words.values("tag")?,
        arms: words.values("arm")?,
        repeats: repeats(words)?,
        limit: words.whole_number("limit")?,
    })
}

/// Shows progress: one line that changes on a terminal, and a line for each attempt elsewhere.
pub struct Teller {
    json: bool,
    is_terminal: bool,
}

impl Teller {
    /// One for stderr; `json` is that of the command.
    pub fn new(json: bool) -> Teller {
        Teller { json, is_terminal: output::shows_status() }
    }

    fn say(&self, line: &str) {
        if self.json { output::say_json(line) } else { output::say(line) }
    }
}

impl BatchWatcher for Teller {
    fn ended(&mut self, row: &Row, progress: &Progress) {
        if !self.is_terminal {
            self.say(&format!("{}/{} {}", progress.done, progress.runs, outcome(row)));
        }
    }

    fn warned(&mut self, warning: &str) {
        self.say(&format!("warning: {warning}"));
    }

    fn held(&mut self, hold: &Hold) {
        self.say(&held(hold));
    }

    fn going_on(&mut self, progress: &Progress, ahead: Option<Ahead>) {
        output::status(&going_on(progress, ahead));
    }
}

fn run(
    app: &mut App,
    context: &crate::runner::Context,
    plan: &Plan,
    options: BatchOptions,
) -> Result<Exit> {
    let mut teller = Teller::new(app.json);
    let ended = batch::run(context, plan, &options, &mut teller)?;
    output::clear_status();
    report(app, &options, &ended)?;
    Ok(Exit(status(&ended.left)))
}

/// The exit status of a batch that was left for that reason.
pub fn status(left: &Left) -> u8 {
    match left {
        Left::Nothing => 0,
        Left::Outage(_) | Left::Disk(_) => 12,
        Left::Budget | Left::Arms => 13,
        Left::Taken => Code::Store.exit(),
        Left::Signal(code) => code.exit(),
    }
}

/// Why the batch was left, in words; `None` if all is done.
pub fn reason(ended: &Ended) -> Option<String> {
    match &ended.left {
        Left::Nothing => None,
        Left::Outage(provider) => {
            Some(format!("the provider {provider} did not work for too long"))
        }
        Left::Disk(error) => Some(error.clone()),
        Left::Budget => Some("the budget is spent".into()),
        Left::Arms => Some("the runs of stopped arms are left".into()),
        Left::Taken => Some("another process has taken this shard over".into()),
        Left::Signal(code) => Some(if *code == Code::HungUp {
            "the terminal was closed".into()
        } else {
            "interrupted".into()
        }),
    }
}

fn report(app: &mut App, options: &BatchOptions, ended: &Ended) -> Result<()> {
    let say = if app.json { output::say_json } else { output::say };
    for (arm, why) in &ended.stopped_arms {
        say(&format!("arm {arm} was stopped: {why}"));
    }
    for (arm, share) in &ended.too_many_unscored {
        let percent = (share * 100.0).round();
        say(&format!(
            "warning: {percent} % of the runs of arm {arm} could not be scored; --rerun unscored \
             opens them again"
        ));
    }
    let reason = reason(ended);
    let shown = options.output.display();
    if let Some(reason) = &reason {
        let next = match (&options.rerun, status(&ended.left)) {
            (_, 13) => "the same command would stop again",
            (Some(Rerun::Fail), _) => {
                "the same command makes all failed runs once more, also those just made"
            }
            _ => "the same command continues",
        };
        say(&format!("{reason}; {next}"));
    } else if options.shard != Shard::WHOLE && ended.progress.runs == ended.progress.done {
        say(&format!("shard {}: nothing left", options.shard.name()));
    }
    if app.json {
        let mut value = serde_json::to_value(&ended.progress).unwrap_or_default();
        value["batch"] = json!(ended.batch);
        value["directory"] = json!(shown.to_string());
        value["shard"] = json!(options.shard.name());
        value["finished"] = json!(ended.is_finished);
        value["reason"] = json!(reason);
        let arms = ended.stopped_arms.iter().map(|(arm, why)| json!({"arm": arm, "reason": why}));
        value["stopped_arms"] = arms.collect();
        return app.out.json(&value);
    }
    app.out.line(&counts(&ended.progress))
}

/// What a dry run reckons with besides the options.
struct Expected {
    /// The night that times and costs are taken from.
    from: Option<PathBuf>,
    /// The machines that are to make the runs.
    machines: Machines,
}

fn dry_run(
    app: &mut App,
    plan: &Plan,
    options: &BatchOptions,
    expected: &Expected,
) -> Result<Exit> {
    let runs = batch::dry_run(plan, options)?;
    let night = match &expected.from {
        Some(from) => Some(Night::read(from)?),
        None => Night::read(&options.output).ok(),
    };
    let forecast = forecast(plan, &runs, &expected.machines, night.as_ref());
    let name = |run: &Run| (&plan.tasks[run.task].id, &plan.arms[run.arm].id, run.repeat);
    if app.json {
        let rows = runs.iter().map(|run| {
            let (task, arm, repeat) = name(run);
            json!({"task": task, "arm": arm, "repeat": repeat, "block": run.block})
        });
        let rows: Vec<_> = rows.collect();
        app.out.json(&json!({"runs": rows, "forecast": forecast}))?;
        return Ok(Exit::OK);
    }
    for run in &runs {
        let (task, arm, repeat) = name(run);
        app.out.line(&format!("{task} {arm} {repeat}"))?;
    }
    tell(&forecast, runs.len());
    Ok(Exit::OK)
}

/// Says what is to be expected of so many runs.
fn tell(forecast: &Forecast, runs: usize) {
    let limit = Duration::try_from_secs_f64(forecast.longest_s).unwrap_or_default();
    output::say(&format!("{runs} runs; at their limits they take {}", seconds(limit)));
    if let Some(makespan) = &forecast.makespan {
        output::say(&expected_time(makespan, runs));
    }
    for (amount, what) in [
        (forecast.cost_usd, "as runs of these arms did before, they cost"),
        (forecast.most_usd.filter(|usd| *usd > 0.0), "at their limits they cost"),
    ] {
        if let Some(amount) = amount {
            output::say(&format!("{what} {} US dollars", usd(amount, 2)));
        }
    }
    if let Some(outlook) = &forecast.outlook {
        output::say("a comparison, for tasks half of which are nearly always or never solved:");
        for (name, fact) in text::outlook(outlook) {
            output::say(&format!("  {name:<12}{fact}"));
        }
    }
}
