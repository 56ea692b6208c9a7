//! A file of numbers over time, in the form that tools for benchmarks on GitHub pages read: an
//! array of `{name, unit, value, range, extra}`.

use serde_json::{Value, json};

use super::Report;

/// The newest night's numbers: pass rate, median time and cost of each arm.
pub fn trend(report: &Report) -> Value {
    let mut rows = Vec::new();
    let Some(night) = report.nights.last() else { return json!(rows) };
    for arm in &night.arms {
        let name = format!("{} {}", night.name, arm.facts.arm);
        let extra = format!(
            "batch {}, OpenCode {}, {} of {} runs",
            night.batch,
            arm.facts.versions.join(", "),
            arm.numbers.passes,
            arm.numbers.scored
        );
        if let Some(rate) = arm.numbers.rate {
            let (low, high) = (100.0 * rate.interval.low, 100.0 * rate.interval.high);
            rows.push(json!({
                "name": format!("{name} pass rate"), "unit": "%",
                "value": 100.0 * rate.estimate, "range": format!("{low:.1} to {high:.1}"),
                "extra": extra,
            }));
        }
        if let Some(median) = arm.agent_time.median_ms {
            let end = |end: Option<f64>| end.map_or("?".into(), |ms| format!("{ms:.0}"));
            let range =
                format!("{} to {}", end(arm.agent_time.low_ms), end(arm.agent_time.high_ms));
            rows.push(json!({
                "name": format!("{name} median time"), "unit": "ms", "value": median,
                "range": range, "extra": extra,
            }));
        }
        if let Some(cost) = arm.total_usd {
            let range = if arm.cost_complete { "" } else { "at least" };
            rows.push(json!({
                "name": format!("{name} cost"), "unit": "USD", "value": cost, "range": range,
                "extra": extra,
            }));
        }
    }
    json!(rows)
}
