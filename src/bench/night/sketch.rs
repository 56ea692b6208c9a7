//! Nights that were never run, for unit tests. It is no part of the program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use super::texts::Texts;
use super::{Counted, Night, NightRun};
use crate::bench::fixture;
use crate::bench::plan::Arm;
use crate::bench::results::line::{RunResult, Stop};

/// One letter a run: `p` passes, `f` fails, `u` is unscored, `g` ungraded, `l` hits its limit and
/// fails, and `-` is still to be done.
pub fn night(arms: &[(&str, &[&str])]) -> Night {
    let mut plan = fixture::plan(&PathBuf::from("/plan"));
    plan.base = Some(arms[0].0.into());
    let tasks = arms.iter().map(|(_, tasks)| tasks.len()).max().unwrap_or(0);
    plan.tasks = (0..tasks).map(|at| fixture::task(&format!("task-{at}"))).collect();
    plan.arms = arms.iter().map(|(id, _)| arm(id)).collect();
    let letters = arms.iter().flat_map(|(_, tasks)| tasks.iter());
    plan.repeats = letters.map(|task| task.len() as u32).max().unwrap_or(1);
    let mut night = Night {
        directory: "night".into(),
        batch: "batch".into(),
        plan,
        runs: Vec::new(),
        attempts: 0,
        not_in_plan: 0,
        foreign: 0,
        by_arm: Vec::new(),
        texts: Texts::default(),
    };
    let version = night.texts.keep(Some("1.18.33"));
    let none = night.texts.keep(None);
    let mut runs = Vec::new();
    for (arm, (_, tasks)) in arms.iter().enumerate() {
        for (task, letters) in tasks.iter().enumerate() {
            for (repeat, letter) in letters.chars().enumerate() {
                let line = Counted {
                    attempt: 1,
                    recheck: None,
                    result: result(letter),
                    stop: if letter == 'l' { Stop::WallLimit } else { Stop::Done },
                    score: None,
                    started_ms: Some(1000 * repeat as i64),
                    first_token_ms: Some(100),
                    agent_ms: Some(1000),
                    took_ms: Some(1000),
                    steps: Some(3),
                    tokens: Some(500),
                    cost_usd: Some(0.01),
                    usage_complete: true,
                    jobs: Some(1),
                    version,
                    program: none,
                    host: none,
                    error: none,
                };
                runs.push(NightRun {
                    id: [runs.len() as u8; 32],
                    task,
                    arm,
                    repeat: repeat as u32 + 1,
                    spent_usd: Some(0.01),
                    spent_complete: true,
                    counts: (letter != '-').then_some(line),
                });
            }
        }
    }
    night.set_runs(runs);
    night
}

fn result(letter: char) -> RunResult {
    match letter {
        'p' => RunResult::Pass,
        'f' | 'l' => RunResult::Fail,
        'g' => RunResult::Ungraded,
        _ => RunResult::Unscored,
    }
}

/// An arm with a name and nothing else.
pub fn arm(id: &str) -> Arm {
    Arm {
        id: id.into(),
        model: Some("provider/model".into()),
        agent: None,
        variant: None,
        opencode: "opencode".into(),
        config: json!({}),
        overlay: None,
        prompt: "{instruction}".into(),
        policy: json!({}),
        prices: None,
        env: BTreeMap::new(),
        overlay_sha256: None,
        twin: 0,
    }
}
