//! Several nights: the way from one to another, and each arm over time.

use super::arms::estimate;
use super::chart::{self, Moment};
use super::escape::inline;
use super::plot::percent;
use super::table::table;
use super::verdict::word;
use crate::bench::report::{NightReport, Report};

/// The most nights that are shown over time, the newest ones.
const MOST_NIGHTS: usize = 60;

/// One night among others.
pub struct Nights<'a> {
    /// All of them, the oldest first.
    pub report: &'a Report,
    /// The place of this one.
    pub at: usize,
    /// The address of a night's page by its place.
    pub night_of: &'a dyn Fn(usize) -> String,
}

impl Nights<'_> {
    /// This one.
    pub fn this(&self) -> &NightReport {
        &self.report.nights[self.at]
    }

    /// The way to the other nights.
    pub fn nav(&self) -> String {
        let count = self.report.nights.len();
        let link = |at: Option<usize>, what: &str| {
            let at = at.filter(|at| *at < count);
            at.map(|at| format!("<a href=\"{}\">{what}</a>", (self.night_of)(at)))
        };
        let newest = (self.at + 1 < count).then(|| count - 1);
        let links = [
            link(self.at.checked_sub(1), "The night before"),
            link(Some(self.at + 1), "The night after"),
            link(newest, "The newest night"),
        ];
        let links: Vec<String> = links.into_iter().flatten().collect();
        if links.is_empty() {
            return String::new();
        }
        format!("<nav aria-label=\"Nights\">{}</nav>\n", links.join(" · "))
    }

    /// Each arm over the nights, if there are several.
    pub fn over_time(&self) -> String {
        let count = self.report.nights.len();
        if count < 2 {
            return String::new();
        }
        let from = count.saturating_sub(MOST_NIGHTS);
        let nights = &self.report.nights[from..];
        let mut arms: Vec<&str> = Vec::new();
        for arm in nights.iter().flat_map(|night| &night.arms) {
            if !arms.contains(&arm.facts.arm.as_str()) {
                arms.push(&arm.facts.arm);
            }
        }
        let mut html = String::from("<div class=\"tables\">\n");
        for name in &arms {
            html += &format!(
                "<figure>\n<figcaption>{}</figcaption>\n{}</figure>\n",
                inline(name),
                strip_of(name, nights),
            );
        }
        html += "</div>\n";
        let mut rows = String::new();
        for (at, night) in nights.iter().enumerate() {
            let day = night.started_at.as_deref().map_or("not begun".into(), minute);
            let here = from + at == self.at;
            let day = if here {
                format!("{day} (this page)")
            } else {
                format!("<a href=\"{}\">{day}</a>", (self.night_of)(from + at))
            };
            let verdict = night.verdict.as_ref().map(|verdict| word(verdict.verdict));
            rows += &format!(
                "<tr><th scope=\"row\">{day}</th><td>{}</td>",
                verdict.unwrap_or_default()
            );
            for name in &arms {
                let arm = night.arms.iter().find(|arm| arm.facts.arm == *name);
                let rate = arm.and_then(|arm| arm.numbers.rate);
                let version = arm.map(|arm| inline(&arm.facts.versions.join(", ")));
                rows += &format!(
                    "<td>{} <small>{}</small></td>",
                    rate.map_or("–".into(), |rate| estimate(rate).words()),
                    version.unwrap_or_default(),
                );
            }
            rows += "</tr>\n";
        }
        let names: Vec<String> = arms.iter().map(|arm| inline(arm)).collect();
        let mut heads = vec!["Night", "Verdict"];
        heads.extend(names.iter().map(String::as_str));
        html += &table("Pass rates with 95 % intervals, and versions of OpenCode", &heads, &rows);
        html
    }
}

/// One arm over nights, with the changes of its version.
fn strip_of(name: &str, nights: &[NightReport]) -> String {
    let mut before: Option<&[String]> = None;
    let mut moments = Vec::new();
    let mut words = Vec::new();
    for night in nights {
        let Some(arm) = night.arms.iter().find(|arm| arm.facts.arm == name) else {
            moments.push(Moment { rate: None, change: None });
            continue;
        };
        let versions = arm.facts.versions.as_slice();
        let change = before.is_some_and(|before| before != versions);
        let change = change.then(|| versions.join(", "));
        before = Some(versions);
        let rate = arm.numbers.rate.map(estimate);
        words.push(match (&change, rate) {
            (Some(version), Some(rate)) => {
                format!("{} with version {version}", percent(rate.estimate))
            }
            (None, Some(rate)) => percent(rate.estimate),
            (_, None) => "no result".into(),
        });
        moments.push(Moment { rate, change });
    }
    chart::over_time(&format!("Pass rate of {name} by night: {}", words.join(", ")), &moments)
}

/// A moment in RFC 3339, to the minute.
fn minute(moment: &str) -> String {
    let minute = moment.get(..16).unwrap_or(moment).replace('T', " ");
    format!("<time>{}</time>", inline(&minute))
}
