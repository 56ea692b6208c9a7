//! Makes text from models and servers harmless for a terminal.

use std::fmt::Write as _;

use crate::units::changes_direction;

/// Spells out control characters and the marks that change the direction of text, so that a text
/// cannot control the terminal. Tabs and newlines are kept.
pub fn escape(text: &str) -> String {
    escape_but(text, |c| matches!(c, '\n' | '\t'))
}

/// The same, but tabs and newlines are spelled out as well.
pub fn one_line(text: &str) -> String {
    escape_but(text, |_| false)
}

fn escape_but(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            _ if keep(c) => escaped.push(c),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            _ if c.is_control() && (c as u32) < 0x100 => {
                let _ = write!(escaped, "\\x{:02x}", c as u32);
            }
            _ if c.is_control() || changes_direction(c) => {
                let _ = write!(escaped, "\\u{{{:x}}}", c as u32);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out_and_markup_is_not_touched() {
        assert_eq!(escape("a\u{1b}[31m[bold]\tb\r\n"), "a\\x1b[31m[bold]\tb\\r\n");
        assert_eq!(one_line("a\nb\u{202e}c\u{9b}"), "a\\nb\\u{202e}c\\x9b");
        assert_eq!(escape("[/usr/bin] ünï 你好"), "[/usr/bin] ünï 你好");
    }
}
