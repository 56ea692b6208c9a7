//! What a reader must know before believing a verdict.

use std::collections::BTreeSet;

use super::candidate::Measured;
use super::drift::SUSPICIOUS;
use super::side::Side;
use super::{Drift, SideFacts};

/// What concerns the sides by themselves.
pub fn of_sides(base: Side, candidates: &[Side]) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for side in std::iter::once(&base).chain(candidates) {
        let night = side.night;
        if !seen.insert(&night.directory) {
            continue;
        }
        let shown = night.directory.display();
        let left = night.left();
        if left > 0 {
            found.push(format!(
                "{shown} is not finished: {left} of {} runs are left",
                night.runs.len()
            ));
        }
        if night.not_in_plan > 0 {
            let count = night.not_in_plan;
            found.push(format!("{shown} has {count} runs that its plan no longer has"));
        }
        if night.foreign > 0 {
            let count = night.foreign;
            found.push(format!("{shown} has {count} lines that are no results of its batch"));
        }
    }
    found
}

/// What concerns one comparison.
pub fn of_candidate(measured: &Measured, drift: &Drift) -> Vec<String> {
    let (base, side) = (measured.base.facts(), measured.side.facts());
    let mut found = Vec::new();
    if base.batch != side.batch {
        found.push(
            "base and candidate did not run in the same batch, so what changed between them, such \
             as load or the provider, counts as a difference of the arms"
                .into(),
        );
    }
    for facts in [&base, &side] {
        if facts.versions.len() > 1 {
            let versions = facts.versions.join(", ");
            found.push(format!("{} ran with several versions of OpenCode: {versions}", facts.arm));
        }
        if facts.jobs.len() > 1 {
            let jobs: Vec<String> = facts.jobs.iter().map(u32::to_string).collect();
            found.push(format!(
                "{} ran with several numbers of jobs: {}",
                facts.arm,
                jobs.join(", ")
            ));
        }
    }
    // Arms may be meant to have different versions; then their programs differ in the plan.
    let program = |side: Side| side.night.plan.arms[side.arm].opencode.clone();
    let is_meant = program(measured.base) != program(measured.side);
    let versions =
        |facts: &SideFacts| if is_meant { String::new() } else { facts.versions.join(", ") };
    let mut differ = |what: &str, one: String, other: String| {
        if one != other {
            let (base, side) = (&base.arm, &side.arm);
            found.push(format!(
                "the arms ran with different {what}: {one} ({base}), {other} ({side})"
            ));
        }
    };
    differ("versions of OpenCode", versions(&base), versions(&side));
    differ("machines", base.hosts.join(", "), side.hosts.join(", "));
    differ("numbers of jobs", format!("{:?}", base.jobs), format!("{:?}", side.jobs));
    for (facts, p) in [(&base, drift.base), (&side, drift.candidate)] {
        if let Some(p) = p.filter(|p| *p < SUSPICIOUS) {
            found.push(format!("{} changed during the night (p {p:.4})", facts.arm));
        }
    }
    found
}
