//! How a conversation is shown as Markdown.

use crate::cli::output::{escape, one_line};
use crate::cli::show::turn::each_piece;
use crate::error::Result;
use crate::runner::conversation::{Entry, Listed, ToolCall, TranscriptSink};

/// Writes conversations as Markdown. What the user and the model said is passed on as it is, for it
/// is Markdown as a rule; what tools got and gave stands in fences.
pub struct Markdown<'a> {
    /// Writes a piece; false if the reader has gone.
    pub write: &'a mut dyn FnMut(&str) -> Result<bool>,
}

impl TranscriptSink for Markdown<'_> {
    fn conversation(&mut self, conversation: &Listed, depth: usize) -> Result<bool> {
        let title = one_line(conversation.title.as_deref().unwrap_or("Without a title"));
        let kind = if depth == 0 { "" } else { "Sub-agent: " };
        let gap = if depth == 0 { "" } else { "\n" };
        let mut head = format!("{gap}# {kind}{title}\n\n`{}`", one_line(&conversation.id));
        if let Some(created) = conversation.created {
            head.push_str(&format!(", opened {created}"));
        }
        if let Some(directory) = &conversation.directory {
            head.push_str(&format!(" in `{}`", one_line(directory)));
        }
        (self.write)(&(head + "\n"))
    }

    fn message(&mut self, entry: &Entry) -> Result<bool> {
        (self.write)(&format!("\n## {}\n", speaker(entry)))?;
        if !entry.text.is_empty() {
            (self.write)("\n")?;
            self.text(&entry.text)?;
        }
        for tool in &entry.tools {
            self.tool(tool)?;
        }
        match &entry.error {
            Some(error) => {
                let message = one_line(&error.message);
                (self.write)(&format!("\n**{}:** {message}\n", one_line(&error.name)))
            }
            None => (self.write)(""),
        }
    }
}

impl Markdown<'_> {
    /// Writes text that ends with a newline, in pieces: it may be tens of megabytes.
    fn text(&mut self, text: &str) -> Result<()> {
        each_piece(text, |piece| (self.write)(&escape(piece)).map(drop))?;
        let newline = if text.ends_with('\n') { "" } else { "\n" };
        (self.write)(newline).map(drop)
    }

    fn tool(&mut self, tool: &ToolCall) -> Result<()> {
        let mut head = format!("\n### {}", one_line(&tool.name));
        if let Some(title) = &tool.title {
            head.push_str(&format!(": {}", one_line(title)));
        }
        head.push_str(&format!(" ({}", one_line(&tool.status)));
        if let Some(duration) = tool.duration_ms {
            head.push_str(&format!(", {duration} ms"));
        }
        (self.write)(&(head + ")\n"))?;
        if let Some(input) = &tool.input {
            self.fenced("json", &format!("{input:#}"))?;
        }
        let result = if tool.status == "error" { tool.error.as_ref() } else { None };
        match result.or(tool.output.as_ref()) {
            Some(output) => self.fenced("", output),
            None => Ok(()),
        }
    }

    fn fenced(&mut self, language: &str, text: &str) -> Result<()> {
        let fence = fence(text);
        (self.write)(&format!("\n{fence}{language}\n"))?;
        if !text.is_empty() {
            self.text(text)?;
        }
        (self.write)(&format!("{fence}\n")).map(drop)
    }
}

/// Who said something: `User`, or `Assistant` with its model and agent.
fn speaker(entry: &Entry) -> String {
    if entry.is_prompt() {
        return "User".into();
    }
    let model = entry.model.as_ref().map(|model| format!("{}/{}", model.provider, model.id));
    let about: Vec<String> = model.into_iter().chain(entry.agent.clone()).collect();
    match about.as_slice() {
        [] => "Assistant".into(),
        about => format!("Assistant ({})", one_line(&about.join(", "))),
    }
}

/// A fence that is longer than any run of backticks in the text.
fn fence(text: &str) -> String {
    let mut longest = 0;
    let mut run = 0;
    for byte in text.bytes() {
        run = if byte == b'`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    "`".repeat((longest + 1).max(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_longer_than_every_run_of_backticks_inside() {
        assert_eq!(fence("plain `code`"), "```");
        assert_eq!(fence("```\ninner\n```"), "````");
        assert_eq!(fence("`````"), "``````");
    }

    #[test]
    fn tools_stand_in_fences_and_control_characters_are_spelled_out() {
        let tool = ToolCall {
            name: "bash".into(),
            status: "completed".into(),
            title: Some("list\u{1b}[2J".into()),
            duration_ms: Some(5),
            input: Some(serde_json::json!({"command": "ls"})),
            output: Some("a\u{7}\n```".into()),
            error: None,
        };
        let mut shown = String::new();
        let write = &mut |text: &str| {
            shown.push_str(text);
            Ok(true)
        };
        Markdown { write }.tool(&tool).unwrap();
        let expected = "\n### bash: list\\x1b[2J (completed, 5 ms)\n\n```json\n{\n  \"command\": \
             \"ls\"\n}\n```\n\n````\na\\x07\n```\n````\n";
        assert_eq!(shown, expected);
    }
}
