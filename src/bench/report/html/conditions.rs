//! How a night can be made again, and with what it was made.

use super::escape::inline;
use super::table::table;
use crate::bench::report::{NightReport, Report};

/// The most directories that a command line names.
const MOST_DIRECTORIES: usize = 30;

/// The commands that make the same runs, the same verdict and the same pages.
pub fn commands(report: &Report, night: &NightReport) -> String {
    let directory = quoted(&night.directory);
    let plan = quoted(&format!("{}/plan.json", night.directory.trim_end_matches('/')));
    let mut directories: Vec<String> =
        report.nights.iter().take(MOST_DIRECTORIES).map(|one| quoted(&one.directory)).collect();
    if report.nights.len() > MOST_DIRECTORIES {
        directories.push("…".into());
    }
    let lines = [
        ("The same runs, into a new directory", format!("occtl bench run {plan} -o ANOTHER_DIR")),
        ("The verdict", format!("occtl bench compare {directory}")),
        ("These pages", format!("occtl bench report {} --html OUT", directories.join(" "))),
    ];
    let mut html = String::from("<dl>\n");
    for (what, line) in lines {
        let mut shown = String::new();
        super::escape::add_lines(&mut shown, &line, 20_000);
        html += &format!("<dt>{what}</dt>\n<dd><pre>\n{shown}</pre></dd>\n");
    }
    html + "</dl>\n"
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Versions, machines and hashes.
pub fn conditions(night: &NightReport) -> String {
    let mut rows = String::new();
    for arm in &night.arms {
        let hashes = arm.facts.programs.iter().map(|hash| hash.chars().take(16).collect());
        let jobs = arm.facts.jobs.iter().map(u32::to_string);
        rows += &format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
            inline(&arm.facts.arm),
            inline(arm.model.as_deref().unwrap_or("default")),
            inline(arm.variant.as_deref().unwrap_or("")),
            inline(arm.agent.as_deref().unwrap_or("default")),
            some(arm.facts.versions.iter().cloned()),
            some(hashes),
            some(arm.facts.hosts.iter().cloned()),
            some(jobs),
        );
    }
    let heads =
        ["Arm", "Model", "Variant", "Agent", "OpenCode", "Its SHA-256", "Hosts", "Runs at once"];
    let arms = table("With what each arm ran", &heads, &rows);
    let facts = [
        ("Directory", inline(&night.directory)),
        ("Batch", inline(&night.batch)),
        ("SHA-256 of the plan", format!("<code>{}</code>", inline(&night.plan_sha256))),
        ("Begun", night.started_at.as_deref().map_or("not yet".into(), inline)),
    ];
    let facts: String = facts
        .iter()
        .map(|(name, value)| format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n"))
        .collect();
    format!(
        "{arms}<table class=\"facts\">\n<caption>The batch</caption>\n<tbody>\n{facts}</tbody>\n\
         </table>\n<p>Each run's page has the hashes of its task, \
         configuration, policy and models.</p>\n"
    )
}

/// A few words, and how many more there are.
fn some(words: impl ExactSizeIterator<Item = String>) -> String {
    const MOST: usize = 5;
    let more = words.len().saturating_sub(MOST);
    let mut shown: Vec<String> = words.take(MOST).map(|word| inline(&word)).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_one_word_of_a_shell() {
        assert_eq!(quoted("nights/2026-01-02"), "nights/2026-01-02");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
