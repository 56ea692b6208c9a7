//! One call of a tool, folded.

use serde_json::Value;

use super::escape::inline;
use super::passage::{Passage, Whole};
use crate::bench::report::amounts::duration;
use crate::runner::conversation::recorded::RecordedTool;

/// How much HTML one argument may make, in bytes.
const MOST_OF_AN_ARGUMENT: usize = 16 << 10;
/// How much HTML the result may make, in bytes.
const MOST_OF_A_RESULT: usize = 32 << 10;
/// How much of a title is shown, in characters.
const MOST_OF_A_TITLE: usize = 100;
/// The most arguments that are shown. No tool of OpenCode has ten.
const MOST_ARGUMENTS: usize = 20;

/// A call with its arguments and its result, in about `most` bytes of HTML.
pub fn add_tool(html: &mut String, tool: &RecordedTool, most: usize, whole: &Whole) {
    let end = html.len() + most;
    let state = match tool.status.as_str() {
        "completed" => "<span class=\"good\">✓ completed</span>".into(),
        "error" => "<span class=\"bad\">✗ failed</span>".into(),
        other => format!("<span class=\"open\">– {}</span>", inline(other)),
    };
    let time = tool.duration_ms.map(duration).unwrap_or_default();
    let title = tool.title.as_deref().map(first_line).unwrap_or_default();
    *html += &format!(
        "<details class=\"tool\">\n<summary><b>{}</b> {state} <small>{time}</small> {title}\
         </summary>\n",
        inline(&tool.name),
    );
    add_arguments(html, &tool.input, end, whole);
    if let Some(output) = tool.output.as_deref().filter(|output| !output.trim().is_empty()) {
        html.push_str("<p class=\"label\">Result</p>\n");
        let most = MOST_OF_A_RESULT.min(end.saturating_sub(html.len()));
        Passage::recorded(output, most).add_code(html, whole);
    }
    html.push_str("</details>\n");
}

/// The beginning of a title. That of a command is the command, and can be a whole script.
fn first_line(title: &str) -> String {
    let line = title.trim_start().lines().next().unwrap_or_default();
    let line: String = line.chars().take(MOST_OF_A_TITLE).collect();
    let more = if line.len() < title.trim().len() { "…" } else { "" };
    format!("{}{more}", inline(&line))
}

/// Arguments until the HTML is as long as `end`.
fn add_arguments(html: &mut String, input: &Value, end: usize, whole: &Whole) {
    let Some(fields) = input.as_object() else { return };
    for (name, value) in fields.iter().take(MOST_ARGUMENTS) {
        *html += &format!("<p class=\"label\">{}</p>\n", inline(name));
        let json;
        let text = match value {
            Value::String(text) => text,
            other => {
                json = format!("{other:#}");
                &json
            }
        };
        let most = MOST_OF_AN_ARGUMENT.min(end.saturating_sub(html.len()));
        Passage::recorded(text, most).add_code(html, whole);
    }
    if fields.len() > MOST_ARGUMENTS {
        let more = fields.len() - MOST_ARGUMENTS;
        *html += &format!("<p class=\"cut\">{more} more arguments are not shown.</p>\n");
    }
}
