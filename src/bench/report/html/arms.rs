//! The arms of a night side by side: pass rates and cost.

use super::chart::{Point, cost_and_rate};
use super::escape::inline;
use super::plot::Estimate;
use super::table::table;
use crate::bench::report::amounts::{count, dollars};
use crate::bench::report::{ArmReport, text};
use crate::bench::statistics::intervals::PassRate;

/// The pass rates.
pub fn rates(arms: &[ArmReport]) -> String {
    let mut rows = String::new();
    for arm in arms {
        let numbers = &arm.numbers;
        let rate = numbers.rate.map(estimate);
        rows += &format!(
            "<tr><th scope=\"row\">{}</th><td class=\"drawn\">{}{}</td><td>{} of {}</td><td>{}</td>\
             <td>{}</td></tr>\n",
            inline(&arm.facts.arm),
            rate.map_or("–".into(), Estimate::words),
            rate.map_or(String::new(), Estimate::drawing),
            numbers.passes,
            numbers.scored,
            numbers.unscored,
            inline(arm.model.as_deref().unwrap_or("default")),
        );
    }
    let heads = ["Arm", "Rate (95 % interval)", "Passed", "No result", "Model"];
    format!(
        "{}<p class=\"label\">The lines of the drawings are 0, 25, 50, 75 and 100 %.</p>\n",
        table("Pass rates over tasks", &heads, &rows)
    )
}

/// What runs and passes cost, also against the pass rate.
pub fn cost(arms: &[ArmReport]) -> String {
    let points: Vec<Point> = arms
        .iter()
        .filter_map(|arm| {
            let rate = estimate(arm.numbers.rate?);
            Some(Point { name: &arm.facts.arm, usd: arm.numbers.cost_usd?, rate })
        })
        .collect();
    let mut rows = String::new();
    for arm in arms {
        let least = if arm.cost_complete { "" } else { "≥ " };
        let money = |amount: Option<f64>| {
            amount.map_or("unknown".into(), |amount| format!("{least}{}", dollars(amount)))
        };
        let each = arm.usd_per_pass.filter(|ratio| ratio.estimate.is_some());
        let each = each.map_or("unknown".into(), |each| text::ratio(&each));
        let least = if arm.usage_complete { "" } else { "≥ " };
        let tokens =
            arm.tokens.map_or("unknown".into(), |tokens| format!("{least}{}", count(tokens)));
        rows += &format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{each}</td>\
             <td>{tokens}</td></tr>\n",
            inline(&arm.facts.arm),
            money(arm.numbers.cost_usd),
            money(arm.spent_usd),
        );
    }
    let heads = ["Arm", "A run", "With all attempts", "A pass (95 %)", "Tokens"];
    let chart = cost_and_rate(&points).map_or(String::new(), |chart| {
        format!("<figure>\n<figcaption>Pass rate by cost of a run</figcaption>\n{chart}</figure>\n")
    });
    format!("{}{chart}", table("Cost in US dollars", &heads, &rows))
}

/// A pass rate as it is drawn.
pub fn estimate(rate: PassRate) -> Estimate {
    Estimate { low: rate.interval.low, estimate: rate.estimate, high: rate.interval.high }
}
