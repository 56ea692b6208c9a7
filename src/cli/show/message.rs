//! How messages are shown as text.

use std::fmt::Write as _;

use serde_json::Value;

use super::session;
use crate::cli::output::{escape, one_line};
use crate::runner::conversation::{Entry, ToolCall};

/// With [`Style::cut`], a text is cut after this many characters.
const TEXT_CHARACTERS: usize = 500;
/// With [`Style::cut`], the arguments and the result of a tool are each cut after this many
/// characters.
const TOOL_CHARACTERS: usize = 200;

/// How much of a message is shown.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether long texts are cut.
    pub cut: bool,
    /// Whether the arguments and results of tools are shown.
    pub tools: bool,
    /// Whether the first line of a message shows when the message was begun.
    pub timestamps: bool,
    /// Whether only the texts are shown: no first lines, no tools, no errors, and no empty lines
    /// between messages.
    pub bare: bool,
}

impl Style {
    /// A whole message, with an empty line after it.
    pub fn entry(self, entry: &Entry) -> String {
        let mut block = self.head(entry);
        if !entry.text.is_empty() {
            block.push_str(&escape(&self.cut(&entry.text, TEXT_CHARACTERS)));
            if !block.ends_with('\n') {
                block.push('\n');
            }
        }
        for tool in &entry.tools {
            block.push_str(&self.tool(tool));
        }
        block + &self.end(entry)
    }

    /// The first line of a message.
    pub fn head(self, entry: &Entry) -> String {
        if self.bare {
            return String::new();
        }
        let role = if entry.role.is_empty() { "unknown" } else { &entry.role };
        let mut line = format!("━━━ {} ━━━", one_line(role));
        if self.timestamps {
            let _ = write!(line, " {}", session::time(entry.created_at));
        }
        line + "\n"
    }

    /// A call of a tool, as whole lines.
    pub fn tool(self, tool: &ToolCall) -> String {
        if self.bare {
            return String::new();
        }
        let mut block = format!("  ⚡ {} ({})\n", one_line(&tool.name), one_line(&tool.status));
        if !self.tools {
            return block;
        }
        if let Some(input) = &tool.input {
            let input = self.cut(&arguments(input), TOOL_CHARACTERS);
            let _ = writeln!(block, "    {}", one_line(&input));
        }
        let result = match tool.status.as_str() {
            "error" => tool.error.as_ref().or(tool.output.as_ref()),
            _ => tool.output.as_ref(),
        };
        if let Some(result) = result {
            let result = self.cut(result.trim_end(), TOOL_CHARACTERS);
            let _ = writeln!(block, "    → {}", escape(&result).replace('\n', "\n      "));
        }
        block
    }

    /// The end of a message: its error, if it has one, and an empty line.
    pub fn end(self, entry: &Entry) -> String {
        if self.bare {
            return String::new();
        }
        match &entry.error {
            Some(error) => format!("  ✗ {}\n\n", one_line(&error.shown())),
            None => "\n".into(),
        }
    }

    fn cut(self, text: &str, characters: usize) -> String {
        match text.char_indices().nth(characters) {
            Some((at, _)) if self.cut => format!("{}…", &text[..at]),
            _ => text.into(),
        }
    }
}

/// The arguments of a tool, as `name: value, …`.
fn arguments(input: &Value) -> String {
    match input.as_object() {
        Some(fields) => {
            let shown = |(name, value): (&String, &Value)| match value {
                Value::String(text) => format!("{name}: {text}"),
                other => format!("{name}: {other}"),
            };
            fields.iter().map(shown).collect::<Vec<_>>().join(", ")
        }
        None => input.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(status: &str) -> ToolCall {
        ToolCall {
            name: "bash".into(),
            status: status.into(),
            title: None,
            duration_ms: None,
            input: Some(serde_json::json!({"command": "ls\n-l"})),
            output: Some(format!("{}\nlast", "x".repeat(300))),
            error: Some("no such thing".into()),
        }
    }

    #[test]
    fn tools_show_arguments_and_results_cut_only_where_cutting_is_wanted() {
        let style = Style { cut: true, tools: true, timestamps: false, bare: false };
        let x = "x".repeat(200);
        let shown = format!("  ⚡ bash (completed)\n    command: ls\\n-l\n    → {x}…\n");
        assert_eq!(style.tool(&call("completed")), shown);
        let whole = Style { cut: false, ..style }.tool(&call("completed"));
        assert!(whole.ends_with("x\n      last\n"), "{whole}");
        let failed = style.tool(&call("error"));
        assert!(
            failed.ends_with("(error)\n    command: ls\\n-l\n    → no such thing\n"),
            "{failed}"
        );
        let brief = Style { tools: false, ..style }.tool(&call("running"));
        assert_eq!(brief, "  ⚡ bash (running)\n");
    }
}
