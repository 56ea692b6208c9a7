//! From the numbers to the word.

use super::candidate::Measured;
use super::side::Side;
use super::warnings;
use super::{GateFacts, Verdict, Word};
use crate::bench::plan::Gate;
use crate::bench::statistics::adjustments::holm;
use crate::bench::statistics::{bounds, reaches, tables};
use crate::error::{Error, Result};

/// What is asked of the numbers.
#[derive(Clone, Debug)]
pub struct Question {
    /// When a comparison alarms.
    pub gate: Gate,
    /// The share of an arm's runs that may be without a result.
    pub max_unscored: f64,
    /// Whether tasks that changed are left out, and not refused.
    pub common: bool,
    /// Whether to say what so many runs can show, which takes thousands of random nights.
    pub outlook: bool,
}

/// Compares candidates with a base. Fails where that makes no sense: other tasks, results that
/// another grader has still to give, an arm with itself.
pub fn judge(question: &Question, base: Side, candidates: &[Side]) -> Result<Verdict> {
    let mut measured = Vec::new();
    for candidate in candidates {
        if candidate.night.directory == base.night.directory && candidate.arm == base.arm {
            let message = format!("the arm {} cannot be compared with itself", base.id());
            return Err(Error::usage(message));
        }
        measured.push(Measured::new(question, base, *candidate)?);
    }
    let worse: Vec<f64> = measured.iter().map(|one| one.p_worse).collect();
    let better: Vec<f64> = measured.iter().map(|one| one.p_better).collect();
    let (worse_adjusted, better_adjusted) = (holm(&worse), holm(&better));
    let mut judged = Vec::new();
    let count = measured.len();
    for (at, one) in measured.into_iter().enumerate() {
        // The same family of comparisons, if what is missing had gone well for this candidate.
        let mut kindest = worse.clone();
        kindest[at] = one.p_worse_of(&bounds::best_for_candidate(&one.planned));
        let p = Probabilities {
            worse: worse_adjusted[at],
            better: better_adjusted[at],
            worse_at_best: holm(&kindest)[at],
        };
        let decision = decide(question, &one, p);
        judged.push(one.into_candidate(question, decision, count));
    }
    let verdict = judged.iter().map(|one| one.verdict).max().unwrap_or(Word::Inconclusive);
    Ok(Verdict {
        verdict,
        improved: verdict == Word::Ok && judged.iter().any(|one| one.improved),
        gate: GateFacts::of(&question.gate),
        base: base.facts(),
        warnings: warnings::of_sides(base, candidates),
        candidates: judged,
        confirmation: None,
    })
}

/// One-sided p values, adjusted for the number of candidates.
#[derive(Clone, Copy)]
pub struct Probabilities {
    /// Of a drop.
    pub worse: f64,
    /// Of a gain.
    pub better: f64,
    /// Of a drop, if the candidate's runs without a result had passed and the base's had failed.
    pub worse_at_best: f64,
}

/// The word of one candidate.
pub struct Decision {
    /// The word.
    pub word: Word,
    /// Whether the candidate passes more than the base.
    pub improved: bool,
    /// Why, in sentences; the most important one first.
    pub reasons: Vec<String>,
    /// What it was decided by.
    pub p: Probabilities,
}

fn decide(question: &Question, measured: &Measured, p: Probabilities) -> Decision {
    let alpha = question.gate.alpha;
    let missing = missing(question, measured);
    let is_worse = reaches(p.worse, alpha);
    let is_better = !is_worse && reaches(p.better, alpha);
    let margin = points(question.gate.margin);
    let (mut word, why) = if is_worse && missing.is_empty() {
        (Word::Regression, format!("it passes less than the base (p {:.4})", p.worse))
    } else if is_worse && reaches(p.worse_at_best, alpha) {
        let why = "it passes less than the base, even if all that is missing went well for it";
        (Word::Regression, format!("{why} (p {:.4})", p.worse_at_best))
    } else if is_worse {
        let why = "it passes less than the base, but what is missing could explain that";
        (Word::Inconclusive, why.into())
    } else if measured.scored.is_empty() {
        (Word::Inconclusive, "no task has a run with a result in both arms".into())
    } else if is_better && missing.is_empty() {
        (Word::Ok, format!("it passes more than the base (p {:.4})", p.better))
    } else if measured.is_no_worse && missing.is_empty() {
        (Word::Ok, format!("there is evidence that it lost at most {margin}"))
    } else if missing.is_empty() {
        let why = format!("neither a drop is shown, nor that it lost at most {margin}");
        (Word::Inconclusive, why)
    } else {
        (Word::Inconclusive, "too many results are missing".into())
    };
    let mut reasons = vec![why];
    reasons.extend(missing);
    for gate in measured.cost_gates(&question.gate) {
        match gate.excess() {
            Some(excess) => {
                word = Word::Regression;
                reasons.insert(0, excess);
            }
            None if gate.low.is_none() => {
                word = word.max(Word::Inconclusive);
                reasons.push(format!("its {} cannot be compared: too little is known", gate.what));
            }
            None => {}
        }
    }
    Decision { word, improved: word == Word::Ok && is_better, reasons, p }
}

/// A share as points of a rate: `10 points`.
pub fn points(share: f64) -> String {
    let points = (share * 1000.0).round() / 10.0;
    if points == 1.0 { "1 point".into() } else { format!("{points} points") }
}

/// What is missing so much, or so unevenly, that `ok` cannot be said: in sentences that name the
/// arm.
fn missing(question: &Question, measured: &Measured) -> Vec<String> {
    /// Shares that differ so much are hardly chance.
    const UNEQUAL: f64 = 0.05;
    let mut found = Vec::new();
    let [base, candidate] = measured.missing();
    for (side, cell) in [(measured.base, base), (measured.side, candidate)] {
        if cell.rate().is_some_and(|share| share > question.max_unscored) {
            found.push(format!(
                "{} of {} runs of {} have no result",
                cell.passes,
                cell.runs,
                side.id()
            ));
        }
    }
    if found.is_empty() && tables::fisher(base, candidate) < UNEQUAL {
        found.push(format!(
            "runs without a result are not shared evenly: {} of {} of {}, {} of {} of {}",
            base.passes,
            base.runs,
            measured.base.id(),
            candidate.passes,
            candidate.runs,
            measured.side.id(),
        ));
    }
    found
}
