//! From the numbers to the word.

use super::candidate::Measured;
use super::decision::{Decision, Probabilities};
use super::question::Question;
use super::side::Side;
use super::warnings;
use super::words::{p_value, points};
use super::{GateFacts, Verdict, Word};
use crate::bench::statistics::adjustments::holm;
use crate::bench::statistics::{bounds, reaches, tables};
use crate::error::{Error, Result};

/// Compares candidates with a base. Fails where that makes no sense: other tasks, results that
/// another grader has still to give, an arm with itself.
pub fn judge(question: &Question, base: Side, candidates: &[Side]) -> Result<Verdict> {
    for candidate in candidates {
        if candidate.night.directory == base.night.directory && candidate.arm == base.arm {
            let message = format!("the arm {} cannot be compared with itself", base.id());
            return Err(Error::usage(message));
        }
    }
    let measured = Measured::all(question, base, candidates)?;
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

fn decide(question: &Question, measured: &Measured, p: Probabilities) -> Decision {
    let alpha = question.gate.alpha;
    let missing = missing(question, measured);
    let is_worse = reaches(p.worse, alpha);
    let is_better = !is_worse && reaches(p.better, alpha);
    let margin = points(question.gate.margin);
    let [base, name] = measured.side.facts().names_beside(&measured.base.facts());
    let (mut word, why) = if is_worse && missing.is_empty() {
        (Word::Regression, format!("{name} passes less than {base}, {}", p_value(p.worse)))
    } else if is_worse && reaches(p.worse_at_best, alpha) {
        let why = format!("{name} passes less than {base}, even if all that is missing went well");
        (Word::Regression, format!("{why} for it, {}", p_value(p.worse_at_best)))
    } else if is_worse {
        let why = format!("{name} passes less than {base}, but what is missing could explain that");
        (Word::Inconclusive, why)
    } else if measured.scored.is_empty() {
        (Word::Inconclusive, format!("no task has a result of both {name} and {base}"))
    } else if is_better && missing.is_empty() {
        (Word::Ok, format!("{name} passes more than {base}, {}", p_value(p.better)))
    } else if measured.is_no_worse && missing.is_empty() {
        (Word::Ok, format!("{name} lost at most {margin} against {base}"))
    } else if missing.is_empty() {
        let why = format!("neither a drop of {name} against {base} is shown, nor that it is at");
        let why = format!("{why} most {margin}");
        (Word::Inconclusive, why)
    } else {
        (Word::Inconclusive, format!("too many results are missing to tell {name} from {base}"))
    };
    let mut reasons = vec![why];
    reasons.extend(missing);
    for gate in measured.cost_gates(&question.gate) {
        match gate.excess(&name) {
            Some(excess) => {
                word = Word::Regression;
                reasons.insert(0, excess);
            }
            None if gate.low.is_none() => {
                word = word.max(Word::Inconclusive);
                let what = gate.what;
                reasons.push(format!("the {what} of {name} cannot be compared: it is not known"));
            }
            None => {}
        }
    }
    Decision { word, improved: word == Word::Ok && is_better, reasons, p }
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
