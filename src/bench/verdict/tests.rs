//! Verdicts on nights that were never run.

use super::choose::Chosen;
use super::{Question, Side, Verdict, Word, judge};
use crate::bench::fixture;
use crate::bench::night::Night;
use crate::bench::night::sketch::night as night_of;
use crate::bench::plan::Infer;
use crate::error::{Code, Result};

fn question() -> Question {
    Question { gate: fixture::gate(), max_unscored: 0.05, common: false, outlook: false }
}

/// The first arm of the night against all others.
fn judged(question: &Question, night: &Night) -> Result<Verdict> {
    let side = |arm| Side { night, arm };
    let candidates: Vec<Side> = (1..night.plan.arms.len()).map(side).collect();
    judge(question, side(0), &candidates)
}

/// Tasks with the given numbers of passes, of five runs each.
fn of_five(passes: &[usize]) -> Vec<String> {
    passes.iter().map(|passes| "p".repeat(*passes) + &"f".repeat(5 - passes)).collect()
}

fn both(base: &[String], candidate: &[String]) -> Night {
    fn words(tasks: &[String]) -> Vec<&str> {
        tasks.iter().map(String::as_str).collect()
    }
    night_of(&[("base", &words(base)), ("new", &words(candidate))])
}

#[test]
fn a_drop_that_the_exact_test_finds_is_a_regression() {
    let night = both(&of_five(&[5, 5, 5, 0, 3, 5, 5, 5]), &of_five(&[0, 5, 5, 0, 3, 5, 5, 5]));
    let verdict = judged(&question(), &night).unwrap();
    let candidate = &verdict.candidates[0];
    assert_eq!(verdict.verdict, Word::Regression);
    assert!((candidate.p_worse - 0.020_880_574_452_003_028).abs() < 1e-9);
    assert!(candidate.reasons[0].contains("passes less"), "{:?}", candidate.reasons);
    assert!(!verdict.improved);
}

#[test]
fn the_same_drop_the_other_way_is_ok_and_improved() {
    let night = both(&of_five(&[0, 5, 5, 0, 3, 5, 5, 5]), &of_five(&[5, 5, 5, 0, 3, 5, 5, 5]));
    let verdict = judged(&question(), &night).unwrap();
    assert_eq!((verdict.verdict, verdict.improved), (Word::Ok, true));
}

#[test]
fn without_a_difference_many_tasks_are_evidence_and_few_are_not() {
    for (tasks, expected) in [(40, Word::Ok), (8, Word::Ok), (3, Word::Inconclusive)] {
        let same = of_five(&vec![5; tasks]);
        let verdict = judged(&question(), &both(&same, &same)).unwrap();
        assert_eq!(verdict.verdict, expected, "{tasks} tasks");
        assert!(!verdict.improved);
    }
}

#[test]
fn a_small_drop_that_the_test_finds_is_a_regression_although_it_is_within_the_margin() {
    let base = of_five(&[5; 60]);
    let candidate = of_five(&[&[4; 8][..], &[5; 52]].concat());
    let verdict = judged(&question(), &both(&base, &candidate)).unwrap();
    let candidate = &verdict.candidates[0];
    assert!(candidate.difference.unwrap().estimate > -0.1);
    assert_eq!(verdict.verdict, Word::Regression);
}

#[test]
fn several_candidates_share_the_error_and_the_worst_gives_the_word() {
    let base = of_five(&[5, 5, 5, 0, 3, 5, 5, 5]);
    let worse = of_five(&[0, 5, 5, 0, 3, 5, 5, 5]);
    let base: Vec<&str> = base.iter().map(String::as_str).collect();
    let worse: Vec<&str> = worse.iter().map(String::as_str).collect();
    let night = night_of(&[("base", &base), ("same", &base), ("worse", &worse)]);
    let verdict = judged(&question(), &night).unwrap();
    let adjusted: Vec<f64> = verdict.candidates.iter().map(|one| one.p_worse_adjusted).collect();
    // Alone it would be a regression.
    assert!((adjusted[1] - 2.0 * 0.020_880_574_452_003_028).abs() < 1e-9);
    assert_eq!(verdict.verdict, Word::Inconclusive);
    let broken = vec!["fffff"; 8];
    let night = night_of(&[("base", &base), ("same", &base), ("broken", &broken)]);
    let verdict = judged(&question(), &night).unwrap();
    assert_eq!(verdict.verdict, Word::Regression);
    assert_ne!(verdict.candidates[0].verdict, Word::Regression);
}

#[test]
fn too_many_missing_results_turn_ok_into_inconclusive_and_name_the_arm() {
    let base = vec!["ppppp".to_string(); 20];
    let mut candidate = base.clone();
    for task in candidate.iter_mut().take(6) {
        *task = "ppppu".into();
    }
    let verdict = judged(&question(), &both(&base, &candidate)).unwrap();
    assert_eq!(verdict.verdict, Word::Inconclusive);
    let reasons = verdict.candidates[0].reasons.join("; ");
    assert!(reasons.contains("6 of 100 runs of new have no result"), "{reasons}");
    // The same number on both sides, and few of them, changes nothing.
    let few = |letters: &str| {
        let mut tasks = base.clone();
        tasks[0] = letters.into();
        tasks
    };
    let verdict = judged(&question(), &both(&few("uppppp"), &few("ppppu"))).unwrap();
    assert_eq!(verdict.verdict, Word::Ok, "{:?}", verdict.candidates[0].reasons);
}

#[test]
fn a_regression_stands_only_if_what_is_missing_cannot_explain_it() {
    let base = vec!["ppppp".to_string(); 8];
    let verdict = |letters: &str| {
        let mut candidate = base.clone();
        for task in candidate.iter_mut().take(4) {
            *task = letters.into();
        }
        judged(&question(), &both(&base, &candidate)).unwrap()
    };
    assert_eq!(verdict("ffffu").verdict, Word::Regression);
    let explained = verdict("fuuuu");
    assert_eq!(explained.verdict, Word::Inconclusive);
    assert!(explained.candidates[0].reasons[0].contains("could explain"));
}

#[test]
fn runs_that_are_left_count_as_missing_and_are_warned_of() {
    let base = vec!["ppppp".to_string(); 8];
    let candidate = vec!["ppp--".to_string(); 8];
    let verdict = judged(&question(), &both(&base, &candidate)).unwrap();
    assert_eq!(verdict.verdict, Word::Inconclusive);
    assert!(verdict.warnings[0].contains("16 of 80 runs are left"), "{:?}", verdict.warnings);
    assert_eq!(verdict.candidates[0].candidate.unscored, 16);
}

#[test]
fn odd_nights_have_a_verdict_and_no_number_that_is_none() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["p"], &["p"]),
        (&["p"], &["f"]),
        (&["ppppp"], &["fffff"]),
        (&["p", "p", "p"], &["f", "f", "f"]),
        (&["uu", "uu"], &["pp", "pp"]),
        (&["uu", "uu"], &["uu", "uu"]),
        (&["--", "--"], &["--", "--"]),
        (&["ff", "ff"], &["ff", "ff"]),
        (&["ll", "pl"], &["pl", "ll"]),
        (&["pppp", "p"], &["p", "pppp"]),
        (&[], &[]),
    ];
    for infer in [Infer::Runs, Infer::Tasks] {
        for (base, candidate) in cases {
            let night = night_of(&[("base", base), ("new", candidate)]);
            let mut question = question();
            question.gate.infer = infer;
            let verdict = judged(&question, &night).unwrap();
            let text = serde_json::to_value(&verdict).unwrap();
            let candidate = &text["candidates"][0];
            for key in ["p_worse", "p_better", "p_worse_adjusted", "p_better_adjusted"] {
                assert!(candidate[key].is_f64(), "{base:?} {key}: {candidate:#}");
            }
        }
    }
}

#[test]
fn what_so_many_runs_can_show_is_said_where_it_is_asked_for() {
    let same = of_five(&[5, 5, 0, 4]);
    let mut question = question();
    question.outlook = true;
    let verdict = judged(&question, &both(&same, &same)).unwrap();
    let outlook = verdict.candidates[0].outlook.as_ref().unwrap();
    assert!(outlook.these_tasks.unwrap().broken_tasks.is_some_and(|tasks| tasks <= 2));
    assert!((0.0..=1.0).contains(&outlook.chance_of_ok));
    assert_eq!(outlook.tasks_like_these, None);
    question.gate.infer = Infer::Tasks;
    let verdict = judged(&question, &both(&same, &of_five(&[4, 5, 0, 5]))).unwrap();
    let outlook = verdict.candidates[0].outlook.as_ref().unwrap();
    assert!(
        outlook.tasks_like_these.is_some_and(|drop| drop > 0.2) && outlook.these_tasks.is_none()
    );
}

#[test]
fn one_task_that_breaks_is_no_claim_about_tasks_like_it() {
    let night = night_of(&[("base", &["ppppp"]), ("new", &["fffff"])]);
    let mut question = question();
    assert_eq!(judged(&question, &night).unwrap().verdict, Word::Regression);
    question.gate.infer = Infer::Tasks;
    let verdict = judged(&question, &night).unwrap();
    assert_eq!(verdict.verdict, Word::Inconclusive);
    assert!(verdict.candidates[0].cannot_alarm);
}

#[test]
fn equal_differences_do_not_make_two_tasks_sure() {
    let night = night_of(&[("base", &["p", "p"]), ("new", &["f", "f"])]);
    let mut question = question();
    question.gate.infer = Infer::Tasks;
    let verdict = judged(&question, &night).unwrap();
    assert!(verdict.candidates[0].p_worse > 0.025);
    assert_eq!(verdict.verdict, Word::Inconclusive);
}

#[test]
fn cost_and_tokens_alarm_only_where_the_plan_asks() {
    let base = vec!["ppppp".to_string(); 20];
    let mut night = both(&base, &base);
    for run in night.runs.iter_mut().filter(|run| run.arm == 1) {
        let line = run.counts.as_mut().unwrap();
        (line.cost_usd, line.tokens) = (Some(0.013), Some(520));
    }
    let mut question = question();
    assert_eq!(judged(&question, &night).unwrap().verdict, Word::Ok);
    question.gate.max_tokens_increase = Some(0.2);
    assert_eq!(judged(&question, &night).unwrap().verdict, Word::Ok);
    question.gate.max_cost_increase = Some(0.2);
    let verdict = judged(&question, &night).unwrap();
    assert_eq!(verdict.verdict, Word::Regression);
    let reasons = &verdict.candidates[0].reasons;
    assert!(
        reasons[0].contains("the cost of new grew by at least 30 %, 20 % is allowed"),
        "{reasons:?}"
    );
    for run in &mut night.runs {
        run.counts.as_mut().unwrap().cost_usd = None;
    }
    let verdict = judged(&question, &night).unwrap();
    assert_eq!(verdict.verdict, Word::Inconclusive);
    assert!(
        verdict.candidates[0].reasons.join("; ").contains("the cost of new cannot be compared")
    );
}

#[test]
fn an_arm_that_changes_during_the_night_is_warned_of() {
    let steady = vec!["ppppp"; 8];
    let sinking = vec!["ppfff"; 8];
    let night = night_of(&[("base", &steady), ("new", &sinking)]);
    let verdict = judged(&question(), &night).unwrap();
    let candidate = &verdict.candidates[0];
    assert!(candidate.drift.candidate.unwrap() < 0.01);
    assert_eq!(candidate.drift.base, Some(1.0));
    assert!(candidate.warnings.join("; ").contains("new changed during the night"));
    let once = night_of(&[("base", &["p", "p"]), ("new", &["p", "f"])]);
    assert_eq!(judged(&question(), &once).unwrap().candidates[0].drift.candidate, None);
}

#[test]
fn other_tasks_ungraded_runs_and_an_arm_with_itself_are_refused() {
    let one = both(&of_five(&[5, 5]), &of_five(&[5, 5]));
    let mut other = both(&of_five(&[5, 5]), &of_five(&[5, 5]));
    other.directory = "other".into();
    other.plan.tasks[1].sha256 = "changed".into();
    let mut question = question();
    let base = Side { night: &one, arm: 0 };
    let side = Side { night: &other, arm: 1 };
    let refused = judge(&question, base, &[side]).unwrap_err();
    assert_eq!(refused.code, Code::Usage);
    assert!(refused.message.contains("task-1"), "{}", refused.message);
    question.common = true;
    let verdict = judge(&question, base, &[side]).unwrap();
    assert_eq!(verdict.candidates[0].tasks, 1);
    assert_eq!(verdict.candidates[0].left_out[0].task, "task-1");
    let itself = judge(&question, base, &[base]).unwrap_err();
    assert!(itself.message.contains("with itself"));
    let ungraded = night_of(&[("base", &["pp"]), ("new", &["pg"])]);
    let refused = judged(&question, &ungraded).unwrap_err();
    assert_eq!(refused.code, Code::Usage);
}

#[test]
fn a_night_of_another_batch_and_tasks_of_one_side_are_told() {
    let one = both(&of_five(&[5, 5]), &of_five(&[5, 5]));
    let mut other = both(&of_five(&[5, 5, 5]), &of_five(&[5, 5, 5]));
    other.directory = "other".into();
    other.batch = "tomorrow".into();
    let side = Side { night: &other, arm: 1 };
    let verdict = judge(&question(), Side { night: &one, arm: 0 }, &[side]).unwrap();
    let candidate = &verdict.candidates[0];
    assert!(candidate.warnings[0].contains("same batch"), "{:?}", candidate.warnings);
    assert_eq!(candidate.left_out[0].why, "only other has it");
}

#[test]
fn a_directory_that_is_no_batch_and_an_arm_that_is_not_there_are_told() {
    let nowhere = Chosen::read(&["nowhere:arm".into()]).unwrap_err();
    assert_eq!(nowhere.code, Code::NotFound);
}

#[test]
fn exchanged_arms_give_the_mirrored_numbers() {
    let one = both(&of_five(&[5, 4, 3, 0, 3]), &of_five(&[2, 4, 5, 0, 1]));
    let other = both(&of_five(&[2, 4, 5, 0, 1]), &of_five(&[5, 4, 3, 0, 3]));
    let (one, other) = (judged(&question(), &one).unwrap(), judged(&question(), &other).unwrap());
    let (one, other) = (&one.candidates[0], &other.candidates[0]);
    assert!((one.p_worse - other.p_better).abs() < 1e-12);
    let estimates = (one.difference.unwrap().estimate, other.difference.unwrap().estimate);
    assert!((estimates.0 + estimates.1).abs() < 1e-12);
}
