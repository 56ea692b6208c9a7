//! What a reader must know before believing a verdict.

use std::collections::BTreeSet;

use super::drift::SUSPICIOUS;
use super::side::Side;
use super::words::p_value;
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
            found.push(format!("{shown} has results of {count} runs that its plan no longer has"));
        }
        if night.foreign > 0 {
            let count = night.foreign;
            found.push(format!("{shown} has {count} lines that are no result of its batch"));
        }
    }
    found
}

/// What concerns one comparison.
pub fn of_candidate(one: Side, other: Side, drift: &Drift) -> Vec<String> {
    let (base, side) = (one.facts(), other.facts());
    let mut found = Vec::new();
    if base.batch != side.batch {
        found.push(
            "base and candidate did not run in the same batch, so what changed between them, such \
             as load or the provider, counts as a difference of the arms"
                .into(),
        );
    }
    let [base_name, name] = side.names_beside(&base);
    for (facts, name) in [(&base, &base_name), (&side, &name)] {
        if facts.versions.len() > 1 {
            let versions = facts.versions.join(", ");
            found.push(format!("{name} ran with several versions of OpenCode: {versions}"));
        }
        if facts.jobs.len() > 1 {
            found.push(format!("{name} ran with several numbers of jobs: {}", jobs(facts)));
        }
    }
    // Arms may be meant to have different versions; then their programs differ in the plan.
    let program = |side: Side| side.night.plan.arms[side.arm].opencode.clone();
    let is_meant = program(one) != program(other);
    let versions =
        |facts: &SideFacts| if is_meant { String::new() } else { facts.versions.join(", ") };
    let mut differ = |what: &str, one: String, other: String| {
        // Where nothing is known there is nothing to differ.
        if one != other && !one.is_empty() && !other.is_empty() {
            found.push(format!("{what} differ: {one} ({base_name}), {other} ({name})"));
        }
    };
    differ("versions of OpenCode", versions(&base), versions(&side));
    differ("machines", base.hosts.join(", "), side.hosts.join(", "));
    differ("numbers of jobs", jobs(&base), jobs(&side));
    for (name, p) in [(base_name, drift.base), (name, drift.candidate)] {
        if let Some(p) = p.filter(|p| *p < SUSPICIOUS) {
            found.push(format!("{name} changed during the night, {}", p_value(p)));
        }
    }
    found
}

fn jobs(facts: &SideFacts) -> String {
    facts.jobs.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
