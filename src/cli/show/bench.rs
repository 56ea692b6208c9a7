//! How runs and batches of benchmarks look.

use std::time::Duration;

use crate::bench::batch::Progress;
use crate::bench::makespan::Makespan;
use crate::bench::report::amounts::dollars;
use crate::bench::results::line::Stop;
use crate::bench::results::row::Row;
use crate::units::seconds;

/// How far a batch is, in one line.
pub fn counts(progress: &Progress) -> String {
    let mut text = format!("{}/{}", progress.done, progress.runs);
    if progress.running > 0 {
        text += &format!(", {} running", progress.running);
    }
    text += &format!(
        ", {} pass, {} fail, {} unscored",
        progress.pass, progress.fail, progress.unscored
    );
    if progress.ungraded > 0 {
        text += &format!(", {} ungraded", progress.ungraded);
    }
    if let Some(cost) = progress.cost_usd {
        let at_least = if progress.cost_complete { "" } else { "≥ " };
        text += &format!(", {at_least}{}", dollars(cost));
    }
    if let (Some(left), true) = (progress.left_ms, progress.done < progress.runs) {
        text += &format!(", {} left", about(Duration::from_millis(left)));
    }
    text
}

/// One attempt in one line.
pub fn outcome(row: &Row) -> String {
    let mut text = format!("{} {} {} #{}", row.result.name(), row.task, row.arm, row.repeat);
    if row.attempt > 1 {
        text += &format!(" (attempt {})", row.attempt);
    }
    if let Some(score) = row.score.filter(|score| *score > 0.0 && *score < 1.0) {
        text += &format!(", score {score}");
    }
    if row.stop != Stop::Done {
        text += &format!(", {}", row.stop.name());
    }
    if let Some(time) = row.agent_ms {
        text += &format!(", {}", seconds(Duration::from_millis(time)));
    }
    if let Some(cost) = row.cost_usd {
        text += &format!(", {}", dollars(cost));
    }
    if let Some(error) = &row.error {
        text += &format!(": {}: {}", error.name, error.message);
    }
    text
}

/// How long so many runs will take, in one line.
pub fn expected_time(makespan: &Makespan, runs: usize) -> String {
    let Makespan { shards, jobs, known, .. } = makespan;
    let about = |seconds: f64| match seconds {
        5400.0.. => format!("{:.1} h", seconds / 3600.0),
        _ => about(Duration::try_from_secs_f64(seconds).unwrap_or_default()),
    };
    let machines = if *shards == 1 { "machine" } else { "machines" };
    let mut text = format!(
        "as runs took before, {shards} {machines} with {jobs} at once need {} ({} at most in 9 of \
         10 nights), and {:.0} % of their places are in use",
        about(makespan.median_s),
        about(makespan.p90_s),
        100.0 * makespan.busy
    );
    if *known < runs {
        text += &format!(
            "; {} runs are taken for others, because that night has none like them",
            runs - known
        );
    }
    text
}

/// A duration for which minutes and hours are exact enough.
fn about(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{} s", time.as_secs().max(1)),
        60..5400 => format!("{} min", time.as_secs().div_ceil(60)),
        all => format!("{} h", all.div_ceil(3600)),
    }
}
