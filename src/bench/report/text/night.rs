//! Nights as text.

use std::fmt::Write as _;

use super::{
    Look, bar, counted, item, paragraph, passed, percent, percents, ratio, sentence, share,
};
use crate::bench::report::{ArmReport, NightReport, Report, Times};
use crate::bench::verdict::Word;
use crate::units::usd;

/// The most runs without a result that are listed.
const MOST_UNSCORED: usize = 20;

/// All nights. Of several, what they have in common comes first.
pub fn report(report: &Report, look: Look) -> String {
    let mut text = String::new();
    if report.nights.len() > 1 {
        paragraph(&mut text, "", &nights(report));
        text.push('\n');
        strips(&mut text, report, look);
        text.push('\n');
    }
    for (at, one) in report.nights.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        night(&mut text, one, look);
    }
    text
}

/// One sentence on several nights.
pub fn nights(report: &Report) -> String {
    let nights = &report.nights;
    let day = |night: Option<&NightReport>| night.map_or("-", NightReport::day).to_owned();
    let words: Vec<&str> = nights
        .iter()
        .map(|night| night.verdict.as_ref().map_or("without a verdict", |it| it.verdict.name()))
        .collect();
    let kinds =
        ["ok", "inconclusive", "regression", "without a verdict"].iter().filter_map(|kind| {
            let count = words.iter().filter(|word| *word == kind).count();
            (count > 0).then(|| format!("{count} {kind}"))
        });
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let newest = nights.last().map_or(String::new(), summary);
    let (first, last) = (day(nights.first()), day(nights.last()));
    format!("{} nights, {first} to {last}: {kinds}; the newest is {newest}", nights.len())
}

/// One sentence on a night.
pub fn summary(night: &NightReport) -> String {
    if let Some(verdict) = &night.verdict {
        return sentence(verdict);
    }
    let arms = night
        .arms
        .iter()
        .map(|arm| format!("{} {}", arm.facts.arm, share(arm.numbers.passes, arm.numbers.scored)));
    let arms: Vec<String> = arms.collect();
    format!("without a verdict; passed runs: {}", arms.join(", "))
}

fn night(text: &mut String, night: &NightReport, look: Look) {
    paragraph(text, "", &summary(night));
    let since = night.started_at.as_deref().unwrap_or("not begun");
    let facts = format!(
        "{} ({}), {since}: {}, {}, {} of {} runs done",
        night.directory,
        night.name,
        counted(night.tasks, "task"),
        counted(night.repeats, "repeat"),
        night.runs - night.left,
        night.runs
    );
    paragraph(text, "", &facts);
    text.push('\n');
    let width =
        night.arms.iter().map(|arm| arm.facts.arm.chars().count()).max().unwrap_or(0).min(22);
    for arm in &night.arms {
        passed(text, &arm.facts.arm, &arm.numbers, width, look);
    }
    text.push('\n');
    for arm in &night.arms {
        arm_lines(text, arm);
    }
    unscored(text, night);
    if let Some(why) = &night.no_verdict {
        paragraph(text, "no verdict: ", why);
    }
    for one in night.verdict.iter().flat_map(|verdict| &verdict.candidates) {
        let head = format!("{}: {}: ", one.side.arm, one.verdict.name());
        paragraph(text, &head, &one.reasons.join("; "));
        one.warnings.iter().for_each(|warning| paragraph(text, "  warning: ", warning));
    }
    for warning in night.verdict.iter().flat_map(|verdict| &verdict.warnings) {
        paragraph(text, "warning: ", warning);
    }
}

fn arm_lines(text: &mut String, arm: &ArmReport) {
    let model = arm.model.as_deref().unwrap_or("the default model");
    let versions = match arm.facts.versions.as_slice() {
        [] => "an unknown version of OpenCode".into(),
        versions => format!("OpenCode {}", versions.join(", ")),
    };
    paragraph(text, "", &format!("{}: {model}, {versions}", arm.facts.arm));
    item(text, "time", &times(&arm.agent_time));
    item(text, "first text", &times(&arm.first_token));
    let least = if arm.cost_complete { "" } else { "≥ " };
    if let Some(spent) = arm.spent_usd {
        let each = arm.usd_per_pass.filter(|ratio| ratio.estimate.is_some());
        let each = each.map_or(String::new(), |each| format!("; {} a pass", ratio(&each)));
        let spent = usd(spent, 4);
        item(text, "cost", &format!("{least}{spent} US dollars with all attempts{each}"));
    }
    if let Some(tokens) = arm.tokens {
        let least = if arm.usage_complete { "" } else { "≥ " };
        let steps = arm.steps.map_or(String::new(), |steps| format!(" in {least}{steps} steps"));
        item(text, "tokens", &format!("{least}{tokens}{steps}"));
    }
    if let Some(last) = arm.pass_at.last().filter(|last| last.k > 1) {
        let (any, all) = (percent(last.any), percent(last.all));
        let name = format!("of {} runs", last.k);
        item(text, &name, &format!("one passes: {any}; all pass: {all}"));
    }
    let stops: Vec<String> =
        arm.stops.iter().map(|(stop, count)| format!("{count} {stop}")).collect();
    let stops = if stops.is_empty() { "no run has ended".into() } else { stops.join(", ") };
    item(text, "ended", &stops);
}

fn times(times: &Times) -> String {
    if times.count == 0 {
        return "unknown".into();
    }
    let seconds = |ms: f64| format!("{:.1} s", ms / 1000.0);
    let median = times.median_ms.map_or("beyond a limit".into(), seconds);
    let interval = match (times.low_ms, times.high_ms) {
        (Some(low), Some(high)) => format!(" [{}, {}]", seconds(low), seconds(high)),
        (Some(low), None) => format!(" [{}, beyond a limit]", seconds(low)),
        _ => String::new(),
    };
    let censored = match times.censored {
        0 => String::new(),
        count => format!(", {count} hit a limit"),
    };
    format!("median {median}{interval} of {}{censored}", times.count)
}

fn unscored(text: &mut String, night: &NightReport) {
    let ended = || night.unscored.iter().filter(|run| run.stop != "left");
    for run in ended().take(MOST_UNSCORED) {
        let error = run.error.as_deref().map_or(String::new(), |error| format!(" ({error})"));
        let line = format!("{}/{}/{}: {}{error}", run.task, run.arm, run.repeat, run.stop);
        paragraph(text, "without a result: ", &line);
    }
    let more = ended().count().saturating_sub(MOST_UNSCORED);
    if more > 0 {
        let _ = writeln!(text, "and {more} more without a result; --json has them");
    }
}

/// One night of an arm.
pub struct InOrder<'a> {
    /// The night.
    pub night: &'a NightReport,
    /// The arm in it.
    pub arm: &'a ArmReport,
    /// The versions of OpenCode if they are not those of the night before.
    pub changed: Option<String>,
    /// The verdict on this arm; `None` for the base.
    pub word: Option<Word>,
}

/// The nights of each arm, the oldest first.
pub fn in_order(report: &Report) -> Vec<(&str, Vec<InOrder<'_>>)> {
    let mut arms: Vec<(&str, Vec<InOrder>)> = Vec::new();
    for night in &report.nights {
        for arm in &night.arms {
            let name = arm.facts.arm.as_str();
            let place = arms.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
                arms.push((name, Vec::new()));
                arms.len() - 1
            });
            let before = arms[place].1.last().map(|before| &before.arm.facts.versions);
            let is_new = before.is_some_and(|before| *before != arm.facts.versions);
            let word = night.verdict.iter().flat_map(|verdict| &verdict.candidates);
            let word = word.filter(|one| one.side.arm == name).map(|one| one.verdict).next();
            arms[place].1.push(InOrder {
                night,
                arm,
                changed: is_new.then(|| arm.facts.versions.join(", ")),
                word,
            });
        }
    }
    arms
}

/// One line a night for each arm, and where the version changed.
fn strips(text: &mut String, report: &Report, look: Look) {
    for (name, nights) in in_order(report) {
        paragraph(text, "", &format!("{name} over time"));
        for one in nights {
            let rate = one.arm.numbers.rate;
            let drawn = rate.filter(|_| look.bars);
            let drawn = drawn.map_or(String::new(), |rate| format!("{}  ", bar(rate.estimate)));
            let rate = rate.map_or("no result".into(), |rate| {
                format!("{} {}", percent(rate.estimate), percents(rate.interval))
            });
            let word = one.word.map_or("", Word::name);
            let version = one.changed.map_or(String::new(), |now| format!("OpenCode {now}"));
            let head = format!("  {}  {drawn}{rate:20}  ", one.night.day());
            paragraph(text, &head, &format!("{word} {version}"));
        }
    }
}
