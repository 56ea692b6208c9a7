//! How runs and batches of benchmarks look.

use std::time::Duration;

use crate::bench::batch::{Ahead, Hold, Progress};
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
        text += &format!(", {}", spent(cost, progress.cost_complete));
    }
    if let (Some(left), true) = (progress.left_ms, progress.done < progress.runs) {
        text += &format!(", {} left", about(Duration::from_millis(left)));
    }
    text
}

/// The same while the batch works. Runs that are held leave nothing to reckon the rest by.
pub fn going_on(progress: &Progress, ahead: Option<Ahead>) -> String {
    let Some(ahead) = ahead else { return counts(progress) };
    let counted = counts(&Progress { left_ms: None, ..progress.clone() });
    match ahead {
        // It waits for what still runs.
        Ahead::Try(Duration::ZERO) | Ahead::End(Duration::ZERO) => format!("{counted}, held"),
        Ahead::Try(time) => format!("{counted}, held: next try in {}", about(time)),
        Ahead::End(time) => format!("{counted}, held: the batch ends in {}", about(time)),
    }
}

/// That runs are held, in one line.
pub fn held(hold: &Hold) -> String {
    let Hold { provider, in_a_row, error, ahead } = hold;
    let of = if provider.is_empty() { String::new() } else { format!(" of provider {provider}") };
    let next = match ahead {
        Ahead::Try(time) => format!("one run tries again in {}", about(*time)),
        Ahead::End(time) => format!("the batch ends in {}", about(*time)),
    };
    let mut text = format!("held: {in_a_row} runs{of} failed in a row; {next}");
    if let Some(error) = error {
        let first = error.message.lines().next().unwrap_or_default();
        text += &format!("; last error: {}: {first}", error.name);
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
        text += &format!(", {}", spent(cost, row.usage_complete));
    }
    if let Some(error) = &row.error {
        text += &format!(": {}: {}", error.name, error.message);
    }
    text
}

/// What was spent: at least that, where a part of it is not known.
fn spent(cost: f64, is_complete: bool) -> String {
    let at_least = if is_complete { "" } else { "≥ " };
    format!("{at_least}{}", dollars(cost))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bench::results::row::RowError;

    #[test]
    fn a_cost_that_is_not_known_to_be_all_is_told_as_the_least_of_a_run_and_of_all() {
        for (is_complete, shown) in [(false, ", ≥ $0.0000"), (true, ", $0.0000")] {
            let line = json!({
                "type": "result", "schema": 1, "batch": "b", "run_id": "r", "attempt": 1,
                "task": "s", "arm": "a", "repeat": 1, "result": "unscored", "stop": "interrupted",
                "cost_usd": 0.0, "usage_complete": is_complete,
            });
            let row = Row::read(&line.to_string()).unwrap();
            let mut progress = Progress::none();
            progress.add_cost(&row);
            assert!(outcome(&row).ends_with(shown), "{}", outcome(&row));
            assert!(counts(&progress).ends_with(shown), "{}", counts(&progress));
        }
    }

    #[test]
    fn runs_that_are_held_are_told_with_the_reason_and_what_comes_next() {
        let progress = Progress { runs: 9, left_ms: Some(5000), ..Progress::none() };
        assert!(going_on(&progress, None).ends_with(", 5 s left"));
        let time = Duration::from_secs(48);
        let line = going_on(&progress, Some(Ahead::Try(time)));
        assert_eq!(line, "0/9, 0 pass, 0 fail, 0 unscored, held: next try in 48 s");
        assert!(
            going_on(&progress, Some(Ahead::End(time))).ends_with("held: the batch ends in 48 s")
        );
        let error = RowError { name: "provider".into(), message: "over\nloaded".into() };
        let ahead = Ahead::Try(Duration::from_secs(120));
        let hold = Hold { provider: "p", in_a_row: 6, error: Some(&error), ahead };
        assert_eq!(
            held(&hold),
            "held: 6 runs of provider p failed in a row; one run tries again in 2 min; last error: \
             provider: over"
        );
        let hold = Hold { provider: "", error: None, ahead: Ahead::End(time), ..hold };
        assert_eq!(held(&hold), "held: 6 runs failed in a row; the batch ends in 48 s");
    }
}
