//! What is known of an attempt, as tables.

use serde::Deserialize;
use serde_json::Value;

use super::escape::inline;
use crate::bench::report::amounts::{count, counted, dollars, duration, size};
use crate::bench::results::line::RunResult;

/// How much HTML the rows may be to which metrics of the check are added, in bytes.
const MOST_OF_METRICS: usize = 30_000;

/// A result line.
pub struct Facts<'a>(pub &'a Value);

/// A table of names and values, as HTML.
struct Table {
    caption: &'static str,
    rows: String,
}

impl Table {
    fn new(caption: &'static str) -> Table {
        Table { caption, rows: String::new() }
    }

    /// A row, if there is a value. `value` is HTML.
    fn add(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.rows += &format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n");
        }
    }

    fn end(self) -> String {
        let Table { caption, rows } = self;
        if rows.is_empty() {
            return String::new();
        }
        format!(
            "<table class=\"facts\">\n<caption>{caption}</caption>\n<tbody>\n{rows}</tbody>\n\
             </table>\n"
        )
    }
}

impl Facts<'_> {
    fn number(&self, place: &str) -> Option<u64> {
        self.0.pointer(place).and_then(Value::as_u64)
    }

    fn text(&self, place: &str) -> Option<String> {
        let text = self.0.pointer(place)?.as_str()?;
        Some(text).filter(|text| !text.is_empty()).map(inline)
    }

    fn amount(&self, place: &str) -> Option<f64> {
        self.0.pointer(place).and_then(Value::as_f64)
    }

    /// A sum of what calls of models used, which is a lower bound where one was cut.
    fn at_least(&self, text: String) -> String {
        if self.0["usage_complete"] == false { format!("≥ {text}") } else { text }
    }

    /// What everybody wants to know.
    pub fn tables(&self) -> String {
        let tables = [self.outcome(), self.used(), self.time()];
        format!("<div class=\"tables\">\n{}</div>\n", tables.concat())
    }

    /// What tells two runs apart that should have been alike.
    pub fn conditions(&self) -> String {
        format!("<div class=\"tables\">\n{}{}</div>\n", self.surroundings(), self.hashes())
    }

    fn outcome(&self) -> String {
        let mut table = Table::new("What came out");
        table.add("Result", RunResult::deserialize(&self.0["result"]).ok().map(verdict));
        table.add("The agent ended", self.text("/stop"));
        table.add("Score", self.amount("/score").map(|score| score.to_string()));
        table
            .add("Status of the check", self.0["check_exit"].as_i64().map(|code| code.to_string()));
        let tried = self.number("/passed_at").filter(|number| *number > 1);
        table.add("Passed at try", tried.map(count));
        let message = self.text("/error/message").unwrap_or_default();
        table.add("Error", self.text("/error/name").map(|name| format!("{name}: {message}")));
        let changed = self.number("/diff_added").zip(self.number("/diff_removed"));
        let changed = changed.map(|(added, removed)| {
            format!("{} added, {} removed", counted(added, "line"), count(removed))
        });
        table.add("Changes", changed);
        for (name, value) in self.0["metrics"].as_object().into_iter().flatten() {
            if table.rows.len() > MOST_OF_METRICS {
                break;
            }
            table.add(&inline(name), Some(inline(&value.to_string())));
        }
        table.end()
    }

    fn used(&self) -> String {
        let mut table = Table::new("What it used");
        let cost = self.amount("/cost_usd").map(|cost| self.at_least(dollars(cost)));
        let source = match self.0["cost_source"].as_str() {
            Some("plan") => " by the plan's prices",
            _ => "",
        };
        table.add("Cost", Some(cost.map_or("unknown".into(), |cost| cost + source)));
        for (name, place) in [
            ("Tokens read", "/tokens/input"),
            ("Tokens from the cache", "/tokens/cache_read"),
            ("Tokens into the cache", "/tokens/cache_write"),
            ("Tokens written", "/tokens/output"),
            ("Tokens of reasoning", "/tokens/reasoning"),
        ] {
            let number = self.number(place).filter(|number| *number > 0 || place.ends_with("put"));
            table.add(name, number.map(|number| self.at_least(count(number))));
        }
        table.add("Steps", self.number("/steps").map(count));
        let calls = self.number("/tool_calls").map(|calls| {
            let failed = self.number("/tool_errors").unwrap_or(0);
            format!("{}, {} failed", count(calls), count(failed))
        });
        table.add("Calls of tools", calls);
        table.add("Conversations", self.number("/conversations").map(count));
        let some = |place: &str| self.number(place).filter(|number| *number > 0).map(count);
        table.add("Summaries of the history", some("/compactions"));
        table.add("Retries of the provider", some("/provider_retries"));
        table.add("Memory of the largest process", self.number("/max_rss_bytes").map(size));
        table.end()
    }

    fn time(&self) -> String {
        let mut table = Table::new("Where the time went");
        let places = [
            ("Waiting for its turn", "/queue_ms"),
            ("Preparing the files", "/setup_ms"),
            ("Starting the server", "/server_start_ms"),
            ("Until the first text", "/first_token_ms"),
            ("The agent", "/agent_ms"),
            ("– of that, tools", "/tool_ms"),
            ("– of that, waiting for the provider", "/retry_wait_ms"),
            ("The check", "/check_ms"),
        ];
        let longest = places.iter().filter_map(|(_, place)| self.number(place)).max();
        for (name, place) in places {
            let time = self.number(place).filter(|time| *time > 0);
            table.add(name, time.map(|time| bar(time, longest.unwrap_or(0))));
        }
        table.end()
    }

    fn surroundings(&self) -> String {
        let mut table = Table::new("With what and where");
        let provider = self.0["model"]["provider"].as_str();
        let model = provider.zip(self.0["model"]["id"].as_str());
        table.add("Model", model.map(|(provider, id)| inline(&format!("{provider}/{id}"))));
        table.add("Variant", self.text("/model/variant"));
        table.add("Agent", self.text("/agent"));
        table.add("OpenCode", self.text("/opencode_version"));
        table.add("Begun", self.0["started_at"].as_str().map(moment));
        table.add("Host", self.text("/host"));
        table.add("Cores", self.number("/cpus").map(count));
        table.add("Limit of memory", self.number("/mem_limit_bytes").map(size));
        table.add("Runs at once", self.number("/jobs").map(count));
        table.add("Shard", self.text("/shard"));
        table.end()
    }

    fn hashes(&self) -> String {
        let mut table = Table::new("SHA-256");
        for (name, key) in [
            ("Task", "task_sha256"),
            ("Plan", "plan_sha256"),
            ("Configuration", "config_sha256"),
            ("Overlay", "overlay_sha256"),
            ("Policy", "policy_sha256"),
            ("OpenCode", "opencode_sha256"),
            ("Models", "catalogue_sha256"),
        ] {
            let hash = self.0[key].as_str().filter(|hash| !hash.is_empty());
            table.add(name, hash.map(|hash| format!("<code>{}</code>", inline(hash))));
        }
        table.end()
    }
}

/// A result with a sign, so that colour is not all that tells it.
pub fn verdict(result: RunResult) -> String {
    let (class, sign) = match result {
        RunResult::Pass => ("good", "✓"),
        RunResult::Fail => ("bad", "✗"),
        RunResult::Unscored | RunResult::Ungraded => ("open", "–"),
    };
    format!("<span class=\"{class}\">{sign}\u{a0}{}</span>", inline(result.name()))
}

/// A moment as a result line tells it, to the second.
fn moment(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        Err(_) => inline(text),
    }
}

/// A time with a bar as long as its share of the longest one. Readers of screens hear the time.
fn bar(time: u64, longest: u64) -> String {
    let width = time as f64 / longest.max(1) as f64 * 100.0;
    format!(
        "{} <svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\" focusable=\"false\"><rect width=\"{width:.1}\" height=\"8\"/></svg>",
        duration(time)
    )
}
