//! Text of models and servers, made harmless for a terminal.

use std::fmt::Write as _;

/// Text of models and servers as a terminal may see it: control characters and marks that turn the
/// direction of writing are spelled out; tabs and newlines are kept.
pub fn escape(text: &str) -> String {
    escape_but(text, |c| matches!(c, '\n' | '\t'))
}

/// The same on one line.
pub fn one_line(text: &str) -> String {
    escape_but(text, |_| false)
}

fn escape_but(text: &str, keep: impl Fn(char) -> bool) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
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
            _ if c.is_control() || turns(c) => {
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
    fn control_characters_are_spelled_out_and_markup_is_left_alone() {
        assert_eq!(escape("a\u{1b}[31m[bold]\tb\r\n"), "a\\x1b[31m[bold]\tb\\r\n");
        assert_eq!(one_line("a\nb\u{202e}c\u{9b}"), "a\\nb\\u{202e}c\\x9b");
        assert_eq!(escape("[/usr/bin] ünï 你好"), "[/usr/bin] ünï 你好");
    }
}
